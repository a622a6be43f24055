"""GetHealthStatus that means something: each key manager encrypts and decrypts with a test key of its own.

The result is kept for less than a minute, as the XKS proxy API allows, and renewed in the background, so that an answer
seldom waits for a key manager.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping
from time import monotonic
from typing import Final, NamedTuple

from hyok.clock import Deadline, deadline_in
from hyok.keymanagers.errors import KeyManagerError
from hyok.keymanagers.interface import HealthStatus, KeyManager, MemberHealth
from hyok.proxy.deadline import finish_by

CHECK_INTERVAL_SECONDS: Final = 20.0
MAX_AGE_SECONDS: Final = 55.0
"""A result MUST NOT be older than one minute (XKS API, GetHealthStatus); the answer needs a moment to arrive."""
_RANK: Final = {HealthStatus.ACTIVE: 0, HealthStatus.DEGRADED: 1, HealthStatus.UNAVAILABLE: 2}
MAX_MEMBERS: Final = 10


class FleetHealth(NamedTuple):
    """The key managers behind a key store and how their members are."""

    vendor: str
    members: tuple[MemberHealth, ...]
    """1 to 10 of them."""


class HealthMonitor:
    """Knows how each key manager was less than a minute ago."""

    def __init__(self, managers: Mapping[str, KeyManager]) -> None:
        self._managers = managers
        self._checks: dict[str, _Check] = {}

    async def fleet_health(self, manager_names: Collection[str], deadline: Deadline) -> FleetHealth:
        """Report on these key managers (on all, if a key store has none yet), the most able members first."""
        names = [name for name in manager_names if name in self._managers] or sorted(self._managers)
        members: list[MemberHealth] = []
        for name in names:
            check = self._checks.get(name)
            if check is None or monotonic() - check.began_at > MAX_AGE_SECONDS:
                check = await self._check(name, deadline)
            members += check.members
        members.sort(key=lambda member: _RANK[member.status])
        vendors = {self._managers[name].vendor for name in names}
        return FleetHealth(", ".join(sorted(vendors)), tuple(members[:MAX_MEMBERS]))

    def is_serving(self) -> bool:
        """Tell whether any key manager served when it was checked last, less than a minute ago. Never waits."""
        oldest = monotonic() - MAX_AGE_SECONDS
        return any(
            check.began_at >= oldest and any(member.status is not HealthStatus.UNAVAILABLE for member in check.members)
            for check in self._checks.values()
        )

    def known_members(self) -> Iterator[tuple[str, MemberHealth]]:
        """Yield the members of all key managers, by the manager's name, as they were checked last."""
        for name, check in self._checks.items():
            for member in check.members:
                yield name, member

    async def keep_fresh(self) -> None:
        """Check all key managers again and again, until cancelled."""
        while True:
            await self.check_all()
            await asyncio.sleep(CHECK_INTERVAL_SECONDS)

    async def check_all(self) -> None:
        """Check all key managers now, side by side."""
        deadline = deadline_in(CHECK_INTERVAL_SECONDS)
        async with asyncio.TaskGroup() as group:
            for name in self._managers:
                group.create_task(self._check(name, deadline))

    async def _check(self, name: str, deadline: Deadline) -> _Check:
        manager = self._managers[name]
        began_at = monotonic()
        try:
            found = await finish_by(deadline, manager.check_health(deadline))
        except KeyManagerError:
            found = (MemberHealth(name, manager.vendor, HealthStatus.UNAVAILABLE),)
        check = self._checks[name] = _Check(began_at, found)
        return check


class _Check(NamedTuple):
    began_at: float
    """`time.monotonic` seconds: what it found may have been so since then."""
    members: tuple[MemberHealth, ...]
