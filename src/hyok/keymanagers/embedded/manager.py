"""The embedded key manager: software keys in this process's memory, AES-256-GCM inline.

Nothing waits, but for the block of encryptions that a version needs before its first one in this process (`leases`).

All keys are in memory as they lie in the storage, sealed; material is unwrapped at its first use, into bounded tables
of ciphers, one for each usage. Only what is allowed is in a table, so that one look finds permission and cipher. A key
disabled in the storage is refused here once its change has been applied, which empties its places in the tables.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NoReturn, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hyok.clock import Deadline
from hyok.custody.errors import IntegrityError
from hyok.keymanagers.embedded.leases import EncryptionLeases, Lease
from hyok.keymanagers.embedded.leasing import Leasing
from hyok.keymanagers.embedded.material import open_material
from hyok.keymanagers.embedded.records import (
    IS_ENABLED,
    MAY_DECRYPT,
    MAY_ENCRYPT,
    KeyRecord,
    active_version_of,
    read_all_records,
    read_records,
    row_of,
    versions_of,
)
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import (
    HealthStatus,
    KeyDescription,
    KeyVersion,
    MemberHealth,
    Sealed,
    VerifyingKeyManager,
)
from hyok.random_stock import RandomStock
from hyok.storage.changes import Change, ChangeKind
from hyok.storage.engine import Storage
from hyok.storage.errors import StorageError

_log = logging.getLogger(__name__)

K = TypeVar("K")
T = TypeVar("T")
V = TypeVar("V")

IV_BYTES: Final = 12
TAG_BYTES: Final = 16
CIPHERS_KEPT: Final = 4096
"""Key versions whose material is unwrapped at one time, for each usage; each costs 2.6 KB, and some 10 us to unwrap."""
KEYS_LEASED_AHEAD: Final = 256
"""So many keys have their encryptions leased at the start; one transaction of some 30 ms."""


class EmbeddedKeyManager(VerifyingKeyManager):
    """A `KeyManager` on one storage. Its methods return at their first `send`, `encrypt` once it has its lease."""

    def __init__(self, storage: Storage, leasing: Leasing, *, ciphers_kept: int = CIPHERS_KEPT) -> None:
        """Read all keys from the storage, which blocks: called at start."""
        self._storage = storage
        self._safe = leasing.safe
        self._leases = EncryptionLeases(storage, leasing)
        self._ciphers_kept = ciphers_kept
        self._active: dict[str, KeyVersion] = {}
        self._encrypting: dict[KeyVersion, tuple[AESGCM, Lease]] = {}
        self._decrypting: dict[KeyVersion, AESGCM] = {}
        self._ivs = RandomStock(IV_BYTES)
        self._test_cipher = AESGCM(os.urandom(32))
        with storage.reading() as connection:
            self._records = read_all_records(connection)

    def lease_ahead(self) -> None:
        """Lease encryptions for the keys that are used most, so that the first requests need not wait.

        Blocks: called at start. A storage that takes no write, for example on a full disk, must not keep the proxy from
        decrypting, so that keys then lease at their first use.
        """
        try:
            self._leases.lease_ahead(keys=KEYS_LEASED_AHEAD)
        except StorageError as error:
            _log.warning("no encryptions are leased ahead: %s", error)

    @property
    def vendor(self) -> str:
        """The maker's name."""
        return "hyok"

    async def describe_key(self, key_id: str, deadline: Deadline) -> KeyDescription:
        """Describe a key; a disabled one too."""
        row = row_of(key_id, self._record(key_id))
        return KeyDescription("AES_256", row.usages, bool(self._record(key_id)[0] & IS_ENABLED))

    async def active_version(self, key_id: str, deadline: Deadline) -> KeyVersion:
        """Return the version that encrypts now."""
        version = self._active.get(key_id)
        if version is None:
            record = self._record(key_id)
            if record[0] & _ENCRYPTS != _ENCRYPTS:
                _refuse_use(key_id, record)
            version = KeyVersion(key_id, active_version_of(record))
            _keep(self._active, key_id, version, at_most=self._ciphers_kept)
        return version

    async def encrypt(self, version: KeyVersion, plaintext: bytes, aad: bytes, deadline: Deadline) -> Sealed:
        """Encrypt with a random 96-bit IV; one key version takes at most 2^32 of them (NIST SP 800-38D 8.3)."""
        cipher, lease = self._encrypting.get(version) or self._begin_to_encrypt(version)
        if lease.left <= lease.refill_at:
            await self._leases.replenish(lease, deadline)
        lease.left -= 1
        return _seal(cipher, self._ivs.take(), plaintext, aad)

    async def encrypt_verified(
        self, version: KeyVersion, plaintext: bytes, aad: bytes, bind: Callable[[Sealed], T], deadline: Deadline
    ) -> tuple[Sealed, T]:
        """Encrypt, bind, then decrypt what came out: one call, where each costs a request of the proxy some time."""
        cipher, lease = self._encrypting.get(version) or self._begin_to_encrypt(version)
        if lease.left <= lease.refill_at:
            await self._leases.replenish(lease, deadline)
        lease.left -= 1
        sealed = _seal(cipher, self._ivs.take(), plaintext, aad)
        bound = bind(sealed)
        if _open(self._decrypting.get(version) or self._begin_to_decrypt(version), sealed, aad) != plaintext:
            raise KeyManagerError(KeyManagerFailure.CIPHERTEXT_REJECTED, "it decrypts to something else")
        return sealed, bound

    async def decrypt(self, version: KeyVersion, sealed: Sealed, aad: bytes, deadline: Deadline) -> bytes:
        """Decrypt under any version that the key ever had."""
        return _open(self._decrypting.get(version) or self._begin_to_decrypt(version), sealed, aad)

    async def check_health(self, deadline: Deadline) -> tuple[MemberHealth, ...]:
        """Encrypt and decrypt under a key of this process's own."""
        iv = os.urandom(IV_BYTES)
        probe = os.urandom(32)
        try:
            works = self._test_cipher.decrypt(iv, self._test_cipher.encrypt(iv, probe, iv), iv) == probe
        except InvalidTag:
            works = False
        status = HealthStatus.ACTIVE if works else HealthStatus.UNAVAILABLE
        return (MemberHealth("embedded", "hyok embedded", status),)

    def most_used_share(self) -> float:
        """Return the most that this process has seen a key's version give out of its encryptions, from 0 to 1."""
        return self._leases.most_used_share()

    async def apply(self, changes: Sequence[Change]) -> None:
        """Read again the keys that changed; other changes do not concern this manager. HyokError if it cannot."""
        key_ids = list({change.subject for change in changes if change.kind is ChangeKind.EMBEDDED_KEY})
        if not key_ids:
            return
        found = await self._storage.read(lambda connection: read_records(connection, key_ids))
        made = [KeyVersion(key_id, active_version_of(found[key_id])) for key_id in found if key_id not in self._records]
        # A rotated key in use goes on under its old version until the new one has its lease, so that no request waits
        # for it. What else changed, a withdrawal for example, does not wait.
        rotated = {
            key_id: version for key_id, record in found.items() if (version := self._next_version(key_id, record))
        }
        self._replace([key_id for key_id in key_ids if key_id not in rotated], found)
        if rotated or made:
            await self._leases.prepare([*rotated.values(), *made[:KEYS_LEASED_AHEAD]])
            self._replace(rotated, found)

    def forget_material(self) -> None:
        """Drop the material of all keys that lies open in memory; what may still be used is opened again."""
        for table in (self._active, self._encrypting, self._decrypting):
            table.clear()

    async def aclose(self) -> None:
        """Let go of all keys."""
        await self._leases.aclose()
        for table in (self._active, self._encrypting, self._decrypting, self._records):
            table.clear()

    def _next_version(self, key_id: str, record: KeyRecord) -> KeyVersion | None:
        """Return the version that is to take the place of the one that encrypts now; None if none does or is to."""
        current = self._active.get(key_id)
        number = active_version_of(record)
        if current is None or current.number == number or record[0] & _ENCRYPTS != _ENCRYPTS:
            return None
        return KeyVersion(key_id, number)

    def _replace(self, key_ids: Iterable[str], found: Mapping[str, KeyRecord]) -> None:
        for key_id in key_ids:
            self._forget(key_id)
            if key_id in found:
                self._records[key_id] = found[key_id]

    def _record(self, key_id: str) -> KeyRecord:
        record = self._records.get(key_id)
        if record is None:
            raise KeyManagerError(KeyManagerFailure.KEY_NOT_FOUND, key_id)
        return record

    def _begin_to_encrypt(self, version: KeyVersion) -> tuple[AESGCM, Lease]:
        entry = self._admit(version, _ENCRYPTS), self._leases.of(version)
        _keep(self._encrypting, version, entry, at_most=self._ciphers_kept)
        return entry

    def _begin_to_decrypt(self, version: KeyVersion) -> AESGCM:
        cipher = self._admit(version, _DECRYPTS)
        _keep(self._decrypting, version, cipher, at_most=self._ciphers_kept)
        return cipher

    def _admit(self, version: KeyVersion, usage: int) -> AESGCM:
        """Return the cipher of a version whose key may be used so; refuse any other."""
        record = self._record(version.key_id)
        if record[0] & usage != usage:
            _refuse_use(version.key_id, record)
        stored = {place.number: (place, sealed) for place, sealed in versions_of(record)}.get(version.number)
        if stored is None:
            _refuse_version(version, record, usage)
        place, sealed = stored
        try:
            material = open_material(self._safe, sealed, row=row_of(version.key_id, record), place=place)
        except IntegrityError as error:
            raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, str(error)) from error
        return AESGCM(material.reveal())

    def _forget(self, key_id: str) -> None:
        record = self._records.pop(key_id, None)
        self._active.pop(key_id, None)
        if record is not None:
            for place, _ in versions_of(record):
                version = KeyVersion(key_id, place.number)
                self._encrypting.pop(version, None)
                self._decrypting.pop(version, None)


def _seal(cipher: AESGCM, iv: bytes, plaintext: bytes, aad: bytes) -> Sealed:
    sealed = cipher.encrypt(iv, plaintext, aad)
    return Sealed(sealed[:-TAG_BYTES], iv, sealed[-TAG_BYTES:])


def _open(cipher: AESGCM, sealed: Sealed, aad: bytes) -> bytes:
    tag = sealed.tag
    if len(tag) != TAG_BYTES:  # else a byte moved between ciphertext and tag would go unnoticed
        raise KeyManagerError(KeyManagerFailure.CIPHERTEXT_REJECTED, f"a tag of {len(tag)} bytes")
    try:
        return cipher.decrypt(sealed.iv, sealed.ciphertext + tag, aad)
    except (InvalidTag, ValueError) as error:  # ValueError: an IV that no AES-GCM takes
        raise KeyManagerError(KeyManagerFailure.CIPHERTEXT_REJECTED) from error


def _keep(table: dict[K, V], key: K, value: V, *, at_most: int) -> None:
    if len(table) >= at_most:
        del table[next(iter(table))]  # the oldest
    table[key] = value


_ENCRYPTS: Final = IS_ENABLED | MAY_ENCRYPT
_DECRYPTS: Final = IS_ENABLED | MAY_DECRYPT


def _refuse_version(version: KeyVersion, record: KeyRecord, usage: int) -> NoReturn:
    # Versions are numbered from 1 without gaps: a lower one that is not there was lost, and the ciphertext may be fine.
    lost = usage == _ENCRYPTS or 0 < version.number <= active_version_of(record)
    failure = KeyManagerFailure.UNAVAILABLE if lost else KeyManagerFailure.CIPHERTEXT_REJECTED
    raise KeyManagerError(failure, f"key {version.key_id} has no version {version.number}")


def _refuse_use(key_id: str, record: KeyRecord) -> NoReturn:
    if not record[0] & IS_ENABLED:
        raise KeyManagerError(KeyManagerFailure.KEY_DISABLED, key_id)
    raise KeyManagerError(KeyManagerFailure.USAGE_NOT_PERMITTED, key_id)
