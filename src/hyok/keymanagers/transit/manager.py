"""The Transit key manager: keys that stay in OpenBao or Vault, used over its HTTP API.

Calls may begin outside a task, so all HTTP happens in tasks of this package's own, and a caller awaits a plain future
until its deadline.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from hyok.clock import Deadline
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure, KeyRotatedError
from hyok.keymanagers.interface import (
    CallCounting,
    CallCounts,
    KeyDescription,
    KeyVersion,
    MemberHealth,
    Sealed,
)
from hyok.keymanagers.tasks import OwnTasks, result_by
from hyok.keymanagers.transit.api import TransitApi
from hyok.keymanagers.transit.batches import DEFAULT_LIMITS, Batches, BatchLimits
from hyok.keymanagers.transit.ciphertext import IV_BYTES, TAG_BYTES, compose_ciphertext
from hyok.keymanagers.transit.health import check_servers
from hyok.keymanagers.transit.keys import KeyBook
from hyok.keymanagers.transit.setup import TransitSetup
from hyok.keymanagers.transit.wire import DecryptItem, EncryptItem

_log = logging.getLogger(__name__)


class TransitKeyManager(CallCounting):
    """A `KeyManager` on the Transit secrets engine of one cluster."""

    def __init__(self, setup: TransitSetup, *, batch_limits: BatchLimits = DEFAULT_LIMITS) -> None:
        """Open nothing yet: the first call logs in."""
        self._setup = setup
        self._batch_limits = batch_limits
        self._running: _Running | None = None
        self._is_closed = False

    @property
    def vendor(self) -> str:
        """The makers' names: the two servers answer alike."""
        return "OpenBao/Vault Transit"

    async def describe_key(self, key_id: str, deadline: Deadline) -> KeyDescription:
        """Describe a key as it was a second ago or later."""
        return (await self._run().keys.find(key_id, deadline)).description

    async def active_version(self, key_id: str, deadline: Deadline) -> KeyVersion:
        """Return the latest version as it was a second ago or later."""
        return (await self._run().keys.find_usable(key_id, deadline)).active_version

    async def encrypt(self, version: KeyVersion, plaintext: bytes, aad: bytes, deadline: Deadline) -> Sealed:
        """Encrypt with an IV of the server's. KeyRotatedError if this version may do so no longer."""
        running = self._run()
        # Also what keeps the server from making a key that is not there: a request to encrypt may create it.
        await running.keys.find_usable(version.key_id, deadline)
        item = EncryptItem(plaintext, aad, version.number)
        item_bytes = len(plaintext) + len(aad)
        return await running.encryptions.result(version.key_id, item, item_bytes=item_bytes, deadline=deadline)

    async def decrypt(self, version: KeyVersion, sealed: Sealed, aad: bytes, deadline: Deadline) -> bytes:
        """Decrypt under a version that the key's min_decryption_version allows; KEY_DISABLED below it."""
        running = self._run()
        iv, tag = sealed.iv, sealed.tag
        if len(iv) != IV_BYTES or len(tag) != TAG_BYTES:
            # They travel as one: a byte moved from one to the next would go unnoticed.
            detail = f"an IV of {len(iv)} and a tag of {len(tag)} bytes are not Transit's {IV_BYTES} and {TAG_BYTES}"
            raise KeyManagerError(KeyManagerFailure.CIPHERTEXT_REJECTED, detail)
        item = DecryptItem(compose_ciphertext(version.number, sealed), aad)
        item_bytes = len(sealed.ciphertext) + len(aad)
        plaintext = await running.decryptions.result(version.key_id, item, item_bytes=item_bytes, deadline=deadline)
        if len(plaintext) != len(sealed.ciphertext):
            detail = f"{len(plaintext)} bytes of plaintext for {len(sealed.ciphertext)} of ciphertext"
            raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, detail)
        return plaintext

    def count_calls(self) -> CallCounts:
        """Count requests under way, and items that wait for one."""
        running = self._running
        batches = () if running is None else (running.encryptions, running.decryptions)
        return CallCounts(sum(each.under_way for each in batches), sum(each.waiting for each in batches), 0)

    async def check_health(self, deadline: Deadline) -> tuple[MemberHealth, ...]:
        """Ask each server how it is, and have it encrypt and decrypt under the health key if there is one."""
        running = self._run()
        checking = check_servers(running.api, self._setup.health_key, deadline)
        checks = await result_by(deadline, running.tasks.spawn(checking))
        for check in checks:
            if check.fault:
                _log.warning("%s", check.fault)
        return tuple(check.health for check in checks)

    async def aclose(self) -> None:
        """Fail what waits and close all connections."""
        self._is_closed = True
        running, self._running = self._running, None
        if running is not None:
            await running.aclose()

    def _run(self) -> _Running:
        if self._running is None:
            if self._is_closed:
                raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, "the key manager was closed")
            self._running = _Running(self._setup, self._batch_limits)
        return self._running


class _Running:
    """What takes a running loop."""

    def __init__(self, setup: TransitSetup, batch_limits: BatchLimits) -> None:
        self.tasks = OwnTasks()
        self.api = TransitApi(setup, self.tasks)
        self.keys = KeyBook(self.api, self.tasks)
        self.encryptions = Batches(self._encrypt, self.tasks, batch_limits)
        self.decryptions = Batches(self.api.decrypt, self.tasks, batch_limits)

    async def aclose(self) -> None:
        self.encryptions.close()
        self.decryptions.close()
        await self.tasks.aclose()
        await self.api.aclose()

    async def _encrypt(
        self, key_name: str, items: Sequence[EncryptItem], deadline: Deadline
    ) -> list[Sealed | KeyManagerError]:
        results = await self.api.encrypt(key_name, items, deadline)
        if any(isinstance(result, KeyRotatedError) for result in results):
            self.keys.forget(key_name)
        return results
