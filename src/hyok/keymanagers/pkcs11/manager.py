"""The PKCS#11 key manager: AES-256-GCM in an HSM, each call on a thread that owns a session.

What a key is and which versions it has is remembered and looked up again every few seconds; that a key may be used at
all is decided by the token each time, from its attributes, so that disabling it there takes effect at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeVar

from hyok.clock import Deadline, deadline_in
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import (
    CallCounting,
    CallCounts,
    HealthStatus,
    KeyDescription,
    KeyUsage,
    KeyVersion,
    MemberHealth,
    Sealed,
    VerifyingKeyManager,
)
from hyok.keymanagers.pkcs11.cipher import CipherSession
from hyok.keymanagers.pkcs11.constants import TAG_BYTES
from hyok.keymanagers.pkcs11.finder import KeyFinder
from hyok.keymanagers.pkcs11.guard import Seat, TokenGuard, vouch
from hyok.keymanagers.pkcs11.keys import TokenKey
from hyok.keymanagers.pkcs11.library import CryptokiError
from hyok.keymanagers.pkcs11.meanings import Meaning, meaning_of
from hyok.keymanagers.pkcs11.opening import OpenToken
from hyok.keymanagers.pkcs11.setup import Pkcs11Setup
from hyok.keymanagers.workers import WorkerCounts, WorkerPool

REFRESH_SECONDS: Final = 5.0
"""A key is looked up again in the background once it was looked up so long ago: how late a rotation is noticed."""
REFUSAL_SECONDS: Final = 1.0
"""A refusal is believed for so long: how late it is noticed that a key was enabled."""
_REFRESH_TIMEOUT_SECONDS: Final = 5.0
_IV_BYTES: Final = (12, 16)
T = TypeVar("T")


class Pkcs11KeyManager(VerifyingKeyManager, CallCounting):
    """A `KeyManager` on one token."""

    def __init__(self, setup: Pkcs11Setup) -> None:
        self._name = setup.name
        self._dialect = setup.access.dialect
        self._guard = TokenGuard(setup.name, setup.module, setup.access)
        self._finder = KeyFinder()
        self._refreshing: set[str] = set()
        self._pool = WorkerPool(
            setup.name, _TokenWorkshop(self._guard), threads=setup.sessions, queue_length=setup.queue_length
        )

    def connect(self, *, others_stand_in: bool = False) -> None:
        """Open the token now, which blocks: called at start. OperatorError for what an operator must put right.

        A token that is not there is nothing of that kind where `others_stand_in` for it.
        """
        self._guard.connect(others_stand_in=others_stand_in)

    @property
    def vendor(self) -> str:
        """The maker's name, as the token says it."""
        info = self._guard.info
        return info.manufacturer if info is not None and info.manufacturer else "PKCS#11"

    async def describe_key(self, key_id: str, deadline: Deadline) -> KeyDescription:
        """Describe a key as it is on the token now."""
        key = await self._pool.submit(deadline, self._guard.perform, self._finder.find, key_id)
        return key.description

    async def active_version(self, key_id: str, deadline: Deadline) -> KeyVersion:
        """Return the version that encrypts now, without waiting if the key is known."""
        key = self._remembered(key_id)
        if key is not None:
            try:
                key.require(KeyUsage.ENCRYPT)
            except KeyManagerError:
                pass  # look again: it may have been enabled
            else:
                return key.active
        key = await self._pool.submit(deadline, self._guard.perform, self._find_usable, key_id, KeyUsage.ENCRYPT)
        return key.active

    async def encrypt(self, version: KeyVersion, plaintext: bytes, aad: bytes, deadline: Deadline) -> Sealed:
        """Encrypt under exactly this version: two calls of the token's library."""
        return await self._pool.submit(deadline, self._guard.perform, self._encrypt, version, plaintext, aad)

    async def encrypt_verified(
        self, version: KeyVersion, plaintext: bytes, aad: bytes, bind: Callable[[Sealed], T], deadline: Deadline
    ) -> tuple[Sealed, T]:
        """Encrypt, bind and decrypt again on one session, with one change of threads."""
        return await self._pool.submit(
            deadline, self._guard.perform, self._encrypt_verified, version, plaintext, aad, bind
        )

    async def decrypt(self, version: KeyVersion, sealed: Sealed, aad: bytes, deadline: Deadline) -> bytes:
        """Decrypt under any version that the token still has: two calls of its library."""
        if len(sealed.tag) != TAG_BYTES or len(sealed.iv) not in _IV_BYTES:
            raise KeyManagerError(
                KeyManagerFailure.CIPHERTEXT_REJECTED, f"a tag of {len(sealed.tag)} and an IV of {len(sealed.iv)} bytes"
            )
        self._remembered(version.key_id)
        return await self._pool.submit(deadline, self._guard.perform, self._decrypt, version, sealed, aad)

    async def check_health(self, deadline: Deadline) -> tuple[MemberHealth, ...]:
        """Encrypt and decrypt with a key that lives in a session; DEGRADED while calls hang that nobody waits for."""
        try:
            await self._pool.submit(deadline, self._guard.perform, self._guard.prove_health)
        except KeyManagerError:
            status = HealthStatus.UNAVAILABLE
        else:
            status = HealthStatus.DEGRADED if self._pool.counts().abandoned else HealthStatus.ACTIVE
        info = self._guard.info
        if info is None:
            return (MemberHealth(self._name, self.vendor, status),)
        return (MemberHealth(info.label or info.serial, info.model, status),)

    def counts(self) -> WorkerCounts:
        """Count the calls that run, wait, hang, came late or were turned away."""
        return self._pool.counts()

    def count_calls(self) -> CallCounts:
        """Count those that have a session, wait for one, or hang in one."""
        counts = self._pool.counts()
        return CallCounts(counts.running - counts.abandoned, counts.queued, counts.abandoned)

    async def aclose(self) -> None:
        """Let go of sessions, threads and, if no other manager uses it, the library."""
        await self._pool.aclose()

    def _remembered(self, key_id: str) -> TokenKey | None:
        """Return what is known of a key, and have it looked up again if that is old."""
        token = self._guard.current
        key = token.keys.get(key_id) if token is not None else None
        if key is not None and time.monotonic() - key.found_at > REFRESH_SECONDS:
            self._refresh(key_id)
        return key

    def _refresh(self, key_id: str) -> None:
        if key_id in self._refreshing:
            return
        try:
            looked_up = self._pool.submit(
                deadline_in(_REFRESH_TIMEOUT_SECONDS), self._guard.perform, self._finder.find, key_id
            )
        except KeyManagerError:
            return  # overloaded: there are more urgent things
        self._refreshing.add(key_id)

        def note(future: asyncio.Future[TokenKey]) -> None:
            self._refreshing.discard(key_id)
            future.exception()  # else asyncio reports that nobody asked; whoever uses the key will hear of it

        looked_up.add_done_callback(note)

    def _encrypt(
        self, session: CipherSession, token: OpenToken, version: KeyVersion, plaintext: bytes, aad: bytes
    ) -> Sealed:
        handle = self._handle(session, token, version, KeyUsage.ENCRYPT)
        try:
            sealed = session.encrypt(self._to_use(session, token, handle), plaintext, aad)
        except CryptokiError as error:
            if not self._may_help_to_find_it_anew(error):
                raise
            handle = self._finder.find(session, token, version.key_id).handle_of(version, KeyUsage.ENCRYPT)
            sealed = session.encrypt(self._to_use(session, token, handle), plaintext, aad)
        vouch(token)
        return sealed

    def _encrypt_verified(
        self,
        session: CipherSession,
        token: OpenToken,
        version: KeyVersion,
        plaintext: bytes,
        aad: bytes,
        bind: Callable[[Sealed], T],
    ) -> tuple[Sealed, T]:
        sealed = self._encrypt(session, token, version, plaintext, aad)
        bound = bind(sealed)
        if self._decrypt(session, token, version, sealed, aad) != plaintext:
            raise KeyManagerError(KeyManagerFailure.CIPHERTEXT_REJECTED, "it decrypts to something else")
        return sealed, bound

    def _decrypt(
        self, session: CipherSession, token: OpenToken, version: KeyVersion, sealed: Sealed, aad: bytes
    ) -> bytes:
        handle = self._handle(session, token, version, KeyUsage.DECRYPT)
        try:
            plaintext = session.decrypt(self._to_use(session, token, handle), sealed, aad)
        except CryptokiError as error:
            if not self._may_help_to_find_it_anew(error):
                raise
            handle = self._finder.find(session, token, version.key_id).handle_of(version, KeyUsage.DECRYPT)
            plaintext = session.decrypt(self._to_use(session, token, handle), sealed, aad)
        vouch(token)
        return plaintext

    def _handle(self, session: CipherSession, token: OpenToken, version: KeyVersion, usage: KeyUsage) -> int:
        key = token.keys.get(version.key_id)
        if key is None:
            return self._finder.find(session, token, version.key_id).handle_of(version, usage)
        try:
            return key.handle_of(version, usage)
        except KeyManagerError:
            if time.monotonic() - key.found_at < REFUSAL_SECONDS:
                raise
            return self._finder.find(session, token, version.key_id).handle_of(version, usage)

    def _to_use(self, session: CipherSession, token: OpenToken, handle: int) -> int:
        if not self._dialect.copies_keys:
            return handle
        return token.copies.copy_of(session.library, session.handle, token.keeper, handle)

    def _may_help_to_find_it_anew(self, error: CryptokiError) -> bool:
        """Tell whether the key's handle or its attributes may have changed."""
        # A question and not a function that raises the error again: such a frame and the error would hold each other,
        # and each wrong tag would be work for the garbage collector.
        match meaning_of(error.function, error.code, decrypt_codes=self._dialect.decrypt_codes):
            case Meaning.KEY_STALE | Meaning.NOT_PERMITTED:
                return True
            case (
                Meaning.REJECTED
                | Meaning.SUSPECT
                | Meaning.SESSION_SPOILT
                | Meaning.LOST
                | Meaning.BUSY
                | Meaning.UNSUPPORTED
                | Meaning.FAILED
            ):
                return False

    def _find_usable(self, session: CipherSession, token: OpenToken, key_id: str, usage: KeyUsage) -> TokenKey:
        key = token.keys.get(key_id)
        if key is None or time.monotonic() - key.found_at > REFUSAL_SECONDS:
            key = self._finder.find(session, token, key_id)
        key.require(usage)
        return key


class _TokenWorkshop:
    """A session for each thread."""

    def __init__(self, guard: TokenGuard) -> None:
        self._guard = guard

    def open_seat(self) -> Seat:
        return Seat()

    def close_seat(self, seat: Seat) -> None:
        self._guard.close_seat(seat)

    def close(self) -> None:
        self._guard.close()
