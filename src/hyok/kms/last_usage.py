"""When each key last did cryptographic work, and what: kept in memory, since this service started."""

from __future__ import annotations

from typing import NamedTuple

from hyok.clock import Clock
from hyok.kms.call import Call
from hyok.kms.values import KmsKey


class LastUsage(NamedTuple):
    """One successful use of a key."""

    operation: str
    at: float
    """Unix seconds."""
    request_id: str


class LastUsages:
    """The last use of every key. Nothing of it is stored: what AWS calls the tracking's start is this one's start."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, LastUsage] = {}
        self.started_at = round(clock.now(), 3)
        """Unix seconds."""

    def record(self, call: Call, key: KmsKey) -> None:
        """Note that a call has just used a key."""
        self._last[key.key_id] = LastUsage(call.operation, self._clock.now(), call.request_id)

    def of(self, key: KmsKey) -> LastUsage | None:
        """Return a key's last use; None if it has not been used."""
        return self._last.get(key.key_id)
