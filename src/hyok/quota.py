"""How many requests a second there may be: a token bucket in memory, kept by the time of its next token.

The bucket holds the tokens of one second, so that a burst of that size passes at once. That one instant is all there is
to a bucket, so that several processes can have one together in memory that they share (`quota_table.py`), as a proxy's
workers do. They take no lock: of two that look within the same fraction of a microsecond both may get the last token,
which is far below one in a thousand and not worth that anybody waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

_SECOND: Final = 1_000_000_000

FULL: Final = -(1 << 62)
"""The state of a bucket nobody has taken from: an instant long before the machine was started."""


class Bucket(NamedTuple):
    """Where a bucket's state lies."""

    instants: memoryview
    """Of signed 64-bit numbers: nanoseconds of the monotonic clock, which all processes of a machine have in common."""
    place: int


def own_bucket() -> Bucket:
    """Return a full bucket that this process has for itself."""
    instants = memoryview(bytearray(8)).cast("q")
    instants[0] = FULL
    return Bucket(instants, 0)


class Quota:
    """One quota."""

    __slots__ = ("_burst", "_instants", "_interval", "_monotonic_ns", "_place", "per_second")

    def __init__(
        self, per_second: float, bucket: Bucket | None = None, *, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        """Let `per_second` requests through. The bucket holds one at least, also where the quota is less than one.

        ValueError for a quota that is not above zero.
        """
        if per_second <= 0:
            raise ValueError(f"a quota of {per_second} requests per second admits none")
        self.per_second = per_second
        # Nanoseconds, so that no rounding adds up.
        self._interval = round(_SECOND / per_second)
        self._burst = max(1, round(per_second)) * self._interval
        self._monotonic_ns = monotonic_ns
        # Tokens drip at a fixed rate, so one instant tells all: the tokens of the time before it are taken.
        self._instants, self._place = own_bucket() if bucket is None else bucket

    def admit(self) -> bool:
        """Take one request's token; False if there is none. On the path of each request."""
        now = self._monotonic_ns()
        oldest = now - self._burst
        taken_until = self._instants[self._place]
        taken_until = (taken_until if taken_until > oldest else oldest) + self._interval
        if taken_until > now:
            return False
        self._instants[self._place] = taken_until
        return True
