"""The encryptions that this process may still do under each key version, taken from the storage before they are needed.

The hot path pays for one comparison and one subtraction. Versions that need a block in the same moment get it in one
transaction.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Final

from hyok.clock import Deadline
from hyok.errors import HyokError
from hyok.keymanagers.embedded.leasing import Granted, Leasing
from hyok.keymanagers.embedded.material import MAXIMUM_ENCRYPTIONS
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyVersion
from hyok.keymanagers.tasks import OwnTasks, result_by
from hyok.storage.engine import Storage

_REFILL_PART: Final = 4
"""A block is asked for when a quarter of one is left: seconds ahead of need, at any speed."""

_log = logging.getLogger(__name__)


class Lease:
    """What is left for one version. `left` goes down by one before each encryption; at `refill_at` ask for more."""

    __slots__ = ("left", "refill_at", "version")

    def __init__(self, version: KeyVersion) -> None:
        self.version = version
        self.left = 0
        self.refill_at = 0


class EncryptionLeases:
    """The leases of one process, for as many versions as it has encrypted with."""

    def __init__(self, storage: Storage, leasing: Leasing) -> None:
        self._storage = storage
        self._leasing = leasing
        self._leases: dict[KeyVersion, Lease] = {}
        self._given_out: dict[str, tuple[int, int]] = {}  # by key: the newest version, and how many it has given out
        self._tasks = OwnTasks()
        self._wanted: dict[KeyVersion, Lease] = {}
        self._gathering: asyncio.Task[_Failures] | None = None
        self._under_way: asyncio.Task[_Failures] | None = None

    def of(self, version: KeyVersion) -> Lease:
        """Return the lease of a version, at first an empty one."""
        lease = self._leases.get(version)
        if lease is None:
            lease = self._leases[version] = Lease(version)
        return lease

    async def replenish(self, lease: Lease, deadline: Deadline) -> None:
        """See to it that something is left: wait for a block, or ask for one in good time and go on.

        KeyManagerError if there is nothing left and no block to be had.
        """
        while lease.left <= 0:
            failures = await result_by(deadline, self._ask(lease))
            failure = failures.get(lease.version)
            if failure is not None:
                raise failure
        if lease.left <= lease.refill_at:
            lease.refill_at = 0  # asked once; what comes of it sets it anew
            self._ask(lease)

    def lease_ahead(self, *, keys: int) -> None:
        """Take blocks for the most used keys, which blocks the thread: for the start. StorageError."""
        with self._storage.transaction() as connection:
            versions = self._leasing.most_used(connection, at_most=keys)
            granted = self._leasing.grant(connection, versions)
        for version, outcome in granted.items():
            self._take(self.of(version), outcome)

    async def prepare(self, versions: Iterable[KeyVersion]) -> None:
        """Take a block for each version that has none yet, ahead of its first use. What fails is tried again then."""
        asked = {self._ask(lease) for lease in map(self.of, versions) if lease.left <= 0}
        if asked:
            await asyncio.wait(asked)

    def most_used_share(self) -> float:
        """Return how much of what one version may encrypt is given out, of the key where it is most; from 0 to 1."""
        return max((count for _, count in self._given_out.values()), default=0) / MAXIMUM_ENCRYPTIONS

    async def aclose(self) -> None:
        """Give up all leases; what is left of them counts as used."""
        await self._tasks.aclose()
        self._leases.clear()

    def _ask(self, lease: Lease) -> asyncio.Task[_Failures]:
        self._wanted[lease.version] = lease
        if self._gathering is None:
            self._gathering = self._tasks.spawn(self._take_wanted(self._under_way))
        return self._gathering

    async def _take_wanted(self, previous: asyncio.Task[_Failures] | None) -> _Failures:
        if previous is not None and not previous.done():
            await asyncio.wait([previous])  # more versions gather meanwhile
        wanted, self._wanted = self._wanted, {}
        self._under_way, self._gathering = self._gathering, None
        versions = tuple(wanted)
        try:
            granted = await self._storage.run(lambda connection: self._leasing.grant(connection, versions))
        except HyokError as error:
            failure = KeyManagerError(KeyManagerFailure.UNAVAILABLE, f"encryptions cannot be counted: {error}")
            granted = dict.fromkeys(versions, failure)
        return {
            version: outcome
            for version, lease in wanted.items()
            if isinstance(outcome := self._take(lease, granted[version]), KeyManagerError)
        }

    def _take(self, lease: Lease, outcome: Granted | KeyManagerError) -> KeyManagerError | None:
        if isinstance(outcome, Granted):
            lease.left += outcome.encryptions
            lease.refill_at = outcome.encryptions // _REFILL_PART
            self._note(lease.version, outcome.given_out)
            return None
        lease.refill_at = lease.left // 2  # nothing is lost yet: asked again when half of the rest is gone
        _log.error("no more encryptions for key %s: %s", lease.version.key_id, outcome)
        return outcome

    def _note(self, version: KeyVersion, given_out: int) -> None:
        newest, _ = self._given_out.get(version.key_id, (0, 0))
        if version.number >= newest:
            self._given_out[version.key_id] = (version.number, given_out)


_Failures = Mapping[KeyVersion, KeyManagerError]
