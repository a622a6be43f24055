"""Whether the server really encrypts and decrypts: tried under a key for tests only, never under a customer's."""

from __future__ import annotations

import asyncio
import os
from time import monotonic
from typing import Final

from hyok.clock import Deadline, deadline_in
from hyok.errors import NotDoneError
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyUsage
from hyok.keymanagers.kmip.client import KmipClient
from hyok.keymanagers.kmip.failures import failure_of
from hyok.keymanagers.kmip.finding import find_key
from hyok.keymanagers.kmip.making import make_first_version
from hyok.keymanagers.kmip.messages import RefusedError
from hyok.keymanagers.kmip.sealing import seal, unseal
from hyok.keymanagers.kmip.setup import IvSource
from hyok.keymanagers.kmip.versions import Key, mask_of
from hyok.keymanagers.tasks import OwnTasks, SharedWork

PROBING_SECONDS: Final = 5.0
"""For one trial, which serves many callers and is bound to the deadline of none."""
EVIDENCE_SECONDS: Final = 1.0
"""For so long after it encrypted or decrypted anything the server is taken to be in order."""
_ANOTHER_MAKES_IT_SECONDS: Final = 0.3
_PROBE_BYTES: Final = 32
_AAD: Final = b"hyok health"


class Probe:
    """Tries the server's cryptography."""

    def __init__(self, client: KmipClient, tasks: OwnTasks) -> None:
        self._client = client
        self._setup = setup = client.setup
        self._trial = SharedWork(tasks, self._try)
        self._worked_at = float("-inf")
        self._are_ivs_proven = setup.iv_source is IvSource.HYOK

    def note_success(self) -> None:
        """Remember that the server has just encrypted or decrypted something."""
        self._worked_at = monotonic()

    async def run(self, deadline: Deadline) -> None:
        """Encrypt and decrypt now. KeyManagerError if that does not work. Runs outside a task as well."""
        await self._trial.result(deadline)

    async def has_evidence(self, deadline: Deadline) -> bool:
        """Tell whether the server is in order: by what it has just done, else by trying."""
        if monotonic() - self._worked_at < EVIDENCE_SECONDS:
            return True
        try:
            await self.run(deadline)
        except KeyManagerError:
            return False
        return True

    async def prove_ivs(self, deadline: Deadline) -> None:
        """See once that IVs made by the server differ: one IV for all would betray every plaintext.

        KeyManagerError UNAVAILABLE if they do not.
        """
        if not self._are_ivs_proven:
            await self.run(deadline)

    async def _try(self) -> None:
        deadline = deadline_in(PROBING_SECONDS)
        key = await self._find_or_make(deadline)
        test_object = key.newest
        if test_object is None or not key.is_enabled or not test_object.is_aes_256:
            raise self._unfit("is no AES-256 key in use")
        try:
            await self._encrypt_and_decrypt(test_object.id, deadline)
        except RefusedError as refusal:
            raise failure_of(refusal) from refusal
        self.note_success()

    async def _encrypt_and_decrypt(self, object_id: str, deadline: Deadline) -> None:
        source = self._setup.iv_source
        probe = os.urandom(_PROBE_BYTES)
        sealed = await seal(self._client, object_id, probe, _AAD, iv_source=source, deadline=deadline)
        if await unseal(self._client, object_id, sealed, _AAD, deadline) != probe:
            raise self._unfit("decrypts to something else than it encrypted")
        if not self._are_ivs_proven:
            again = await seal(self._client, object_id, probe, _AAD, iv_source=source, deadline=deadline)
            if again.iv == sealed.iv:
                raise self._unfit('encrypts with one and the same IV; set iv = "hyok"')
            self._are_ivs_proven = True

    async def _find_or_make(self, deadline: Deadline) -> Key:
        key_id = self._setup.health_key
        key = await find_key(self._client, key_id, deadline)
        if key is None:
            try:
                await make_first_version(self._client, key_id, mask_of(frozenset(KeyUsage)), deadline)
            except NotDoneError:
                await asyncio.sleep(_ANOTHER_MAKES_IT_SECONDS)
            except KeyManagerError as error:
                raise self._unfit(
                    f"is not there and could not be made ({error}); make an AES-256 key of that name"
                ) from error
            key = await find_key(self._client, key_id, deadline)
        if key is None:
            raise self._unfit("is not there")
        return key

    def _unfit(self, detail: str) -> KeyManagerError:
        return KeyManagerError(KeyManagerFailure.UNAVAILABLE, f"the health key {self._setup.health_key} {detail}")
