"""Requests that nobody has proven to have sent: recorded one by one as far as a small budget goes, then counted.

Whoever can reach the port can send them, so they must not be able to fill the disk or hide what matters among them.
A burst is recorded in full, which is what an operator with a wrong credential needs; a flood leaves six records a
minute, with its numbers.
"""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime
from time import monotonic
from typing import Final

import msgspec

from hyok.audit.event import RequestRecord
from hyok.audit.structure import instant

BURST: Final = 100
"""So many are recorded in full at once."""
SECONDS_PER_RECORD: Final = 10.0
"""After a burst, one more each so many seconds."""
SUMMARY_SECONDS: Final = 10.0
"""Those that are not recorded in full are summed up so often."""
MOST_GROUPS: Final = 32
"""Of reasons and of addresses in one summary; the rest is counted together."""
OTHERS: Final = "(others)"


class UnauthenticatedRequests(
    msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag_field="event", tag="unauthenticated_requests"
):
    """So many requests beyond those that have a record of their own."""

    time: datetime
    since: datetime
    count: int
    reasons: dict[str, int]
    """By the key store and why nothing proved who sent them."""
    addresses: dict[str, int]
    """By the IP address they came from."""


class UnauthenticatedBudget:
    """Decides which requests get a record of their own. Counts for the others; safe to use from two threads."""

    __slots__ = ("_addresses", "_allowance", "_count", "_filled_at", "_lock", "_reasons", "_since", "_summed_up_at")

    def __init__(self) -> None:
        self._allowance = float(BURST)
        self._filled_at = self._summed_up_at = monotonic()
        self._lock = threading.Lock()
        self._clear()

    def admit(self, record: RequestRecord) -> bool:
        """Tell whether this request gets a record of its own; if not it is counted."""
        now = monotonic()
        self._allowance = min(BURST, self._allowance + (now - self._filled_at) / SECONDS_PER_RECORD)
        self._filled_at = now
        if self._allowance >= 1:
            self._allowance -= 1
            return True
        with self._lock:
            if not self._count:
                self._since = record.time
            self._count += 1
            reason = record.authentication_failure or record.error
            _count_in(self._reasons, f"{record.key_store}:{reason}" if record.key_store else reason)
            _count_in(self._addresses, record.peer.rpartition(":")[0])
        return False

    def has_more(self) -> bool:
        """Tell whether some are counted and not summed up."""
        return self._count > 0

    def sum_up(self, now: float, *, is_last: bool = False) -> UnauthenticatedRequests | None:
        """Return the sum of those counted, if it is time for one; `now` is in Unix seconds."""
        if not self._count or (monotonic() - self._summed_up_at < SUMMARY_SECONDS and not is_last):
            return None
        self._summed_up_at = monotonic()
        with self._lock:
            summary = UnauthenticatedRequests(
                time=instant(now),
                since=self._since,
                count=self._count,
                reasons=dict(self._reasons.most_common()),
                addresses=dict(self._addresses.most_common()),
            )
            self._clear()
        return summary

    def _clear(self) -> None:
        self._count = 0
        self._since = instant(0)
        self._reasons: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()


def _count_in(groups: Counter[str], group: str) -> None:
    groups[group if group in groups or len(groups) < MOST_GROUPS else OTHERS] += 1
