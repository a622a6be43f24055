"""The KMIP key manager: each version of a key is an object at the server, found by name, used there.

Calls may begin outside a task: what waits, waits for a future of this package's or of the transport's.
"""

from __future__ import annotations

import logging
from typing import Final

from hyok.clock import Deadline
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import HealthStatus, KeyDescription, KeyVersion, MemberHealth, Sealed
from hyok.keymanagers.kmip.client import KmipClient
from hyok.keymanagers.kmip.failures import failure_of, meaning_of
from hyok.keymanagers.kmip.finding import find_key
from hyok.keymanagers.kmip.health import Probe
from hyok.keymanagers.kmip.judging import describe, require_decrypting, require_encrypting
from hyok.keymanagers.kmip.messages import RefusedError
from hyok.keymanagers.kmip.requests import TAG_BYTES
from hyok.keymanagers.kmip.sealing import IV_SIZES, seal, unseal
from hyok.keymanagers.kmip.setup import KmipSetup
from hyok.keymanagers.kmip.versions import Key
from hyok.keymanagers.known_keys import KnownKeys
from hyok.keymanagers.tasks import OwnTasks

_log = logging.getLogger(__name__)
_UNNAMED: Final = "KMIP server"


class KmipKeyManager:
    """A `KeyManager` on one KMIP server."""

    def __init__(self, setup: KmipSetup) -> None:
        """Open nothing yet: the first call connects."""
        self._setup = setup
        self._tasks = OwnTasks()
        self._client = KmipClient(setup, self._tasks)
        self._keys = KnownKeys(self._read_key, self._tasks)
        self._probe = Probe(self._client, self._tasks)
        self._is_closed = False

    @property
    def vendor(self) -> str:
        """The maker's name, as the server gives it."""
        return self._client.vendor or _UNNAMED

    async def describe_key(self, key_id: str, deadline: Deadline) -> KeyDescription:
        """Describe a key as it was a second ago or later."""
        self._refuse_if_closed()
        return describe(await self._keys.find(key_id, deadline))

    async def active_version(self, key_id: str, deadline: Deadline) -> KeyVersion:
        """Return the newest version as it was a second ago or later."""
        self._refuse_if_closed()
        key = await self._keys.find(key_id, deadline)
        require_encrypting(key, key.newest_number)
        return KeyVersion(key_id, key.newest_number)

    async def encrypt(self, version: KeyVersion, plaintext: bytes, aad: bytes, deadline: Deadline) -> Sealed:
        """Encrypt with an IV of hyok's or of the server's. KeyRotatedError if this version may do so no longer."""
        self._refuse_if_closed()
        await self._probe.prove_ivs(deadline)
        key = await self._find_with(version, deadline)
        key_object = require_encrypting(key, version.number)
        try:
            sealed = await seal(
                self._client, key_object.id, plaintext, aad, iv_source=self._setup.iv_source, deadline=deadline
            )
        except RefusedError as refusal:
            require_encrypting(await self._keys.find_anew(version.key_id, deadline), version.number)
            raise failure_of(refusal) from refusal
        self._probe.note_success()
        return sealed

    async def decrypt(self, version: KeyVersion, sealed: Sealed, aad: bytes, deadline: Deadline) -> bytes:
        """Decrypt under any version that the server still has and still lets decrypt."""
        self._refuse_if_closed()
        if len(sealed.iv) not in IV_SIZES or len(sealed.tag) != TAG_BYTES:
            # A server takes the length of the tag from the caller; a short one would be weak.
            detail = f"an IV of {len(sealed.iv)} and a tag of {len(sealed.tag)} bytes"
            raise KeyManagerError(KeyManagerFailure.CIPHERTEXT_REJECTED, detail)
        key = await self._find_with(version, deadline)
        key_object = require_decrypting(key, version.number)
        try:
            plaintext = await unseal(self._client, key_object.id, sealed, aad, deadline)
        except RefusedError as refusal:
            raise await self._why_not_decrypted(version, refusal, deadline) from refusal
        self._probe.note_success()
        return plaintext

    async def check_health(self, deadline: Deadline) -> tuple[MemberHealth, ...]:
        """Encrypt and decrypt under the health key."""
        self._refuse_if_closed()
        status = HealthStatus.ACTIVE
        try:
            await self._probe.run(deadline)
        except KeyManagerError as error:
            _log.warning("health of %s: %s", self._setup.address, error)
            status = HealthStatus.UNAVAILABLE
        return (MemberHealth(str(self._setup.address), self.vendor, status),)

    async def aclose(self) -> None:
        """Fail what waits and close all connections."""
        self._is_closed = True
        await self._tasks.aclose()
        await self._client.aclose()

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, "the key manager was closed")

    async def _read_key(self, key_id: str, deadline: Deadline) -> Key:
        key = await find_key(self._client, key_id, deadline)
        if key is None:
            raise KeyManagerError(KeyManagerFailure.KEY_NOT_FOUND, key_id)
        return key

    async def _find_with(self, version: KeyVersion, deadline: Deadline) -> Key:
        """Find a key; one that lacks the version is looked at anew, for another proxy may have rotated it just now."""
        key = await self._keys.find(version.key_id, deadline)
        if version.number in key.versions:
            return key
        return await self._keys.find_anew(version.key_id, deadline)

    async def _why_not_decrypted(
        self, version: KeyVersion, refusal: RefusedError, deadline: Deadline
    ) -> KeyManagerError:
        if meaning_of(refusal).may_be_ciphertext:
            if await self._probe.has_evidence(deadline):
                return KeyManagerError(KeyManagerFailure.CIPHERTEXT_REJECTED, str(refusal))
            return failure_of(refusal)
        key = await self._keys.find_anew(version.key_id, deadline)
        require_decrypting(key, version.number, is_refused=True)
        return failure_of(refusal)
