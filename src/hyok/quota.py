"""How many requests a second there may be: a token bucket in memory, kept by the time of its next token.

The bucket holds the tokens of one second, so that a burst of that size passes at once. Each worker of the proxy has a
bucket of its own with its share of a key store's quota: none waits for another, and together they let through what the
key store may have.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_SECOND: Final = 1_000_000_000


class Quota:
    """One quota, or a worker's share of one."""

    __slots__ = ("_burst", "_interval", "_monotonic_ns", "_taken_until", "per_second")

    def __init__(self, per_second: float, *, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        """A full bucket, for `per_second` requests. It holds one at least, also where the share is less than one."""
        self.per_second = per_second
        # Nanoseconds, so that no rounding adds up.
        self._interval = round(_SECOND / per_second)
        self._burst = max(1, round(per_second)) * self._interval
        self._monotonic_ns = monotonic_ns
        # Tokens drip at a fixed rate, so one instant tells all: the tokens of the time before it are taken.
        self._taken_until = monotonic_ns() - self._burst

    def admit(self) -> bool:
        """Take one request's token; False if there is none. On the path of each request."""
        now = self._monotonic_ns()
        oldest = now - self._burst
        taken_until = (self._taken_until if self._taken_until > oldest else oldest) + self._interval
        if taken_until > now:
            return False
        self._taken_until = taken_until
        return True
