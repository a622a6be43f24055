"""Time as a value that is passed in, so that tests and the deletion schedule can have a clock of their own."""

from __future__ import annotations

import time
from typing import NewType, Protocol

Deadline = NewType("Deadline", float)
"""One absolute instant in seconds of `time.monotonic`, made once per request at its arrival and passed on."""

NO_DEADLINE = Deadline(float("inf"))
"""For work that no caller waits for: background checks and administration."""


class Clock(Protocol):
    """Tells the time of day."""

    def now(self) -> float:
        """Return the time as Unix seconds (UTC)."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Return the time as Unix seconds (UTC)."""
        return time.time()


class AdjustableClock:
    """Another clock, moved forward by hand: `hyok dev` ages the deletion schedule with it."""

    def __init__(self, base: Clock) -> None:
        self._base = base
        self._ahead_seconds = 0.0

    def now(self) -> float:
        """Return the time as Unix seconds (UTC), moved forward by all that `advance` was told."""
        return self._base.now() + self._ahead_seconds

    def advance(self, seconds: float) -> None:
        """Move this clock forward; it never goes back."""
        if seconds < 0:
            raise ValueError(f"a clock only moves forward, not by {seconds} seconds")
        self._ahead_seconds += seconds


def deadline_in(seconds: float) -> Deadline:
    """Return the instant that lies `seconds` from now."""
    return Deadline(time.monotonic() + seconds)


def remaining_seconds(deadline: Deadline) -> float:
    """Return how long `deadline` is still away; zero or less once it has passed."""
    return deadline - time.monotonic()
