"""The KMS keys: found in memory under every name they have, written through the storage first and in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from hyok.awsjson.errors import AwsError
from hyok.clock import Clock
from hyok.kms import errors, repository
from hyok.kms.backing_keys import BackingKeys
from hyok.kms.call import Call
from hyok.kms.grant_index import GrantIndex
from hyok.kms.key_index import KeyIndex
from hyok.kms.key_names import ALIAS_PREFIX, alias_arn, refuse_name
from hyok.kms.pages import Page, page_of
from hyok.kms.resource_quotas import ResourceQuotas
from hyok.kms.row_seals import RowSeals
from hyok.kms.turns import Turns
from hyok.kms.values import ExternalKeyReference, KeyState, KmsKey, RotationType
from hyok.storage.engine import Storage

SECONDS_PER_DAY: Final = 86_400

CROSS_ACCOUNT_OPERATIONS: Final = frozenset(
    {
        "CreateGrant",
        "Decapsulate",
        "Decrypt",
        "DeriveSharedSecret",
        "DescribeKey",
        "Encapsulate",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "GetKeyRotationStatus",
        "GetPublicKey",
        "ListGrants",
        "ReEncrypt",
        "RetireGrant",
        "RevokeGrant",
        "Sign",
        "Verify",
        "VerifyMac",
    }
)
"""What can be done with a key of another account (AWS KMS API, "Cross-account use" of each operation)."""


class Keys:
    """All KMS keys of all accounts and Regions. What a call may see are those of its own account and Region.

    Writes raise `hyok.storage.errors.StorageError` if the storage fails; memory is then as it was.
    """

    def __init__(
        self,
        index: KeyIndex,
        backing_keys: BackingKeys,
        grants: GrantIndex,
        *,
        storage: Storage,
        seals: RowSeals,
        turns: Turns,
        clock: Clock,
        per_account: int = ResourceQuotas().keys,
    ) -> None:
        """`per_account` is how many keys an account may have in a Region; 0 for any number."""
        self._index = index
        self._backing_keys = backing_keys
        self._grants = grants
        self._storage = storage
        self._seals = seals
        self._turns = turns
        self._clock = clock
        self._per_account = per_account

    def find(self, call: Call, name: str) -> KmsKey:
        """Return a key by key id, key ARN, alias name or alias ARN. AwsError NotFoundException in AWS's words.

        Here and below IntegrityError, an internal error to the caller, for one whose row somebody else has edited.
        """
        key = self._index.key(name) or self._index.key_by_arn(name) or self._find_by_alias(call, name)
        if key is None or not _is_within_reach(key, call, name):
            self._index.require_unaltered(name)
            self._index.require_unaltered(_alias_arn(call, name))
            raise refuse_name(call, name, allow_alias=True)
        return key

    def find_by_id(self, call: Call, name: str) -> KmsKey:
        """Return a key by key id or key ARN, the only names that management takes. AwsError NotFoundException."""
        key = self._index.key(name) or self._index.key_by_arn(name)
        if key is None or not _is_within_reach(key, call, name):
            self._index.require_unaltered(name)
            raise refuse_name(call, name, allow_alias=False)
        return key

    def find_named_in_blob(self, call: Call, *, account: str, key_id: str) -> KmsKey | None:
        """Return the key a ciphertext blob names, or None if there is none such in the caller's Region."""
        key = self._index.key(key_id)
        if key is None:
            self._index.require_unaltered(key_id)
        return key if key is not None and key.account == account and key.region == call.region else None

    def page(self, call: Call, *, limit: int, marker: str | None) -> tuple[Sequence[KmsKey], Page]:
        """Return some of the caller's keys, by key id. AwsError InvalidMarkerException."""
        page = page_of(self._index.key_ids(call.account, call.region), limit=limit, marker=marker)
        return [key for key_id in page.names if (key := self._index.key(key_id))], page

    def of_store(self, store_id: str) -> Sequence[KmsKey]:
        """Return the keys of an external key store, those that are pending deletion included."""
        return [key for key in self._index.all_keys() if key.external_key and key.external_key.store_id == store_id]

    def require_untied(self, reference: ExternalKeyReference) -> None:
        """Refuse an external key that a KMS key of its store already has: AwsError XksKeyAlreadyInUseException."""
        key = self._index.key_by_external_key(reference)
        if key is not None:
            raise AwsError(
                "XksKeyAlreadyInUseException",
                f"The external key {reference.xks_key_id} is already associated with the KMS key {key.arn} "
                "in this external key store.",
            )

    async def create(self, key: KmsKey) -> None:
        """Store a new key with fresh backing material."""
        await self._turns.take(lambda: self._create(key))

    async def change(self, key: KmsKey, change: Callable[[KmsKey], KmsKey]) -> KmsKey:
        """Put a changed key in this one's place and return it. `change` sees the key as it then is, and may refuse."""
        return await self._turns.take(lambda: self._change(key, change))

    async def rotate(
        self, key: KmsKey, change: Callable[[KmsKey], KmsKey], *, rotation_type: RotationType, at: float
    ) -> KmsKey:
        """Give a key fresh material to encrypt with, and return it. `change` is as for `change`."""
        return await self._turns.take(lambda: self._rotate(key, change, rotation_type, at))

    async def delete_due(self, now: float) -> Sequence[KmsKey]:
        """Delete for good all keys whose deletion date has passed, and return them."""
        due = [key for key in self._index.due_keys(now) if key.state is KeyState.PENDING_DELETION]
        return [key for key in due if await self._turns.take(partial(self._delete_if_due, key.key_id, now))]

    async def erase_traces(self) -> bool:
        """Leave nothing of deleted material in any file of the storage; False if it has to be tried again."""
        return await self._storage.erase_traces()

    async def rotate_due(self, now: float) -> Sequence[KmsKey]:
        """Give fresh material to all keys whose rotation date has passed, and return them."""
        due = [key for key in self._index.due_keys(now) if key.state is KeyState.ENABLED]
        return [key for key in due if await self._turns.take(partial(self._rotate_if_due, key, now))]

    def _find_by_alias(self, call: Call, name: str) -> KmsKey | None:
        alias = self._index.alias(_alias_arn(call, name))
        return None if alias is None else self._index.key(alias.key_id)

    async def _create(self, key: KmsKey) -> None:
        present = len(self._index.key_ids(key.account, key.region))
        if 0 < self._per_account <= present:
            raise errors.limit_exceeded(
                f"This account has {present} KMS keys in this Region; the quota is {self._per_account}."
            )
        if key.external_key is not None:
            self.require_untied(key.external_key)
        backing_key = self._backing_keys.create(key, at=round(self._clock.now(), 3))
        await self._turns.store(partial(repository.insert_key, seals=self._seals, key=key, backing_key=backing_key))
        self._backing_keys.add(backing_key)
        self._index.put_key(key)

    async def _change(self, key: KmsKey, change: Callable[[KmsKey], KmsKey]) -> KmsKey:
        was = self._as_it_is(key)
        changed = change(was)
        if changed != was:
            write = partial(repository.update_key, seals=self._seals, key=changed, was=was, at=self._clock.now())
            await self._turns.store(write)
            self._index.put_key(changed)
        return changed

    async def _rotate(
        self, key: KmsKey, change: Callable[[KmsKey], KmsKey], rotation_type: RotationType, at: float
    ) -> KmsKey:
        was = self._as_it_is(key)
        rotated = replace(change(was), backing_key=was.backing_key + 1)
        backing_key = self._backing_keys.create(rotated, at=round(at, 3), rotation_type=rotation_type)
        await self._turns.store(
            partial(
                repository.rotate_key,
                seals=self._seals,
                key=rotated,
                backing_key=backing_key,
                was=was,
                at=self._clock.now(),
            )
        )
        self._backing_keys.add(backing_key)
        self._index.put_key(rotated)
        return rotated

    async def _rotate_if_due(self, key: KmsKey, now: float) -> bool:
        if self._index.key(key.key_id) != key:
            return False
        await self._rotate(key, partial(_with_next_rotation, now=now), RotationType.AUTOMATIC, now)
        return True

    async def _delete_if_due(self, key_id: str, now: float) -> bool:
        key = self._index.key(key_id)
        if key is None or not _is_due(key, now):
            return False
        await self._turns.store(partial(repository.delete_key, key=key, at=self._clock.now()))
        self._index.drop_key(key)
        self._grants.drop_grants_of(key_id)
        self._backing_keys.forget(key_id)
        return True

    def _as_it_is(self, key: KmsKey) -> KmsKey:
        present = self._index.key(key.key_id)
        if present is None:
            raise errors.key_not_found(key.arn)
        return present


def _alias_arn(call: Call, name: str) -> str:
    return alias_arn(call.account, call.region, name) if name.startswith(ALIAS_PREFIX) else name


def _is_within_reach(key: KmsKey, call: Call, name: str) -> bool:
    """Tell whether a key can be named by a call at all; whether it may be used is another question.

    Another account's only by ARN, and only for what AWS lets be done across accounts.
    """
    if key.region != call.region:
        return False
    return key.account == call.account or (name.startswith("arn:") and call.operation in CROSS_ACCOUNT_OPERATIONS)


def _with_next_rotation(key: KmsKey, *, now: float) -> KmsKey:
    """The next date counts from when the material was made; a date that was missed is not made up for."""
    if key.rotation is None:
        return key
    return replace(key, rotation=key.rotation._replace(next_at=now + key.rotation.period_days * SECONDS_PER_DAY))


def _is_due(key: KmsKey, now: float) -> bool:
    return key.state is KeyState.PENDING_DELETION and key.deletion_date is not None and key.deletion_date <= now
