"""Opens all that exists of KMS keys and puts it together with the operations on them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, Protocol

from hyok.clock import Clock
from hyok.custody.following import SuccessionFollower
from hyok.custody.keeping import read_succession
from hyok.custody.safe import Safe
from hyok.kms.aliases import Aliases
from hyok.kms.authorization import Authorization
from hyok.kms.backing_keys import BackingKeys
from hyok.kms.custom_key_stores import CustomKeyStoreDirectory
from hyok.kms.double_encryption import DoubleEncryption, OuterLayer
from hyok.kms.grant_index import GrantIndex
from hyok.kms.grant_repository import load_grants
from hyok.kms.grant_tokens import GrantTokens
from hyok.kms.grants import Grants
from hyok.kms.key_access import KeyAccess
from hyok.kms.key_index import KeyIndex
from hyok.kms.keys import Keys
from hyok.kms.last_usage import LastUsages
from hyok.kms.operation import OperationFamily
from hyok.kms.operations.aliases import AliasOperations
from hyok.kms.operations.create_key import CreateKey, ExternalKeyCheck
from hyok.kms.operations.cryptography import Cryptography
from hyok.kms.operations.data_key_pairs import DataKeyPairs
from hyok.kms.operations.data_keys import DataKeys
from hyok.kms.operations.grants import GrantOperations
from hyok.kms.operations.key_policies import KeyPolicyOperations
from hyok.kms.operations.keys import KeyOperations
from hyok.kms.operations.refusals import RefusedOperations
from hyok.kms.operations.rotation import RotationOperations
from hyok.kms.operations.tags import TagOperations
from hyok.kms.repository import load_keys
from hyok.kms.resource_quotas import ResourceQuotas
from hyok.kms.row_seals import RowSeals, seal_rows_of_older_storage
from hyok.kms.stored_keys import StoredKeySpace
from hyok.kms.turns import Turns
from hyok.kms.values import KmsKey
from hyok.storage.changes import current_position
from hyok.storage.engine import Storage


class ExternalKeySide(OuterLayer, ExternalKeyCheck, Protocol):
    """All that KMS keys need of external key stores."""


class KeySpace(NamedTuple):
    """The keys of one KMS service and all that belongs to them."""

    keys: Keys
    aliases: Aliases
    backing_keys: BackingKeys
    grants: Grants
    tokens: GrantTokens
    authorization: Authorization
    turns: Turns
    """Of all that is written: the custom key stores too."""


def open_key_space(storage: Storage, safe: Safe, clock: Clock, quotas: ResourceQuotas | None = None) -> KeySpace:
    """Load all keys, aliases and grants. Blocking, for the start. StorageError if the storage fails."""
    seal_rows_of_older_storage(storage, safe)
    seals = RowSeals(safe)
    with storage.reading() as connection:
        # Opened a moment ago: a root key that began to take over since is in none of the changes to come.
        safe.adopt(read_succession(connection))
        stored = load_keys(connection, seals)
        stored_grants = load_grants(connection, seals)
        position = current_position(connection)
    quotas = quotas or ResourceQuotas()
    index = KeyIndex()
    for key in stored.keys:
        index.put_key(key)
    for alias in stored.aliases:
        index.put_alias(alias)
    index.note_altered(stored.altered)
    grant_index = GrantIndex()
    for grant in stored_grants:
        grant_index.put(grant)
    backing_keys = BackingKeys(safe, stored.backing_keys)
    tokens = GrantTokens(safe)
    turns = Turns(storage, position=position)
    # Before all that reads what is sealed: rows may come sealed under the next key-encryption key at once.
    turns.tell(SuccessionFollower(storage, safe).apply)
    turns.tell(StoredKeySpace(storage, seals, index=index, backing_keys=backing_keys, grants=grant_index).apply)
    return KeySpace(
        Keys(
            index,
            backing_keys,
            grant_index,
            storage=storage,
            seals=seals,
            turns=turns,
            clock=clock,
            per_account=quotas.keys,
        ),
        Aliases(index, seals=seals, turns=turns, clock=clock, per_key=quotas.aliases_per_key),
        backing_keys,
        Grants(
            grant_index,
            index,
            tokens,
            seals=seals,
            turns=turns,
            clock=clock,
            per_key=quotas.grants_per_key,
        ),
        tokens,
        Authorization(grant_index, key_aliases=partial(_alias_names, index), clock=clock),
        turns,
    )


def operation_families(
    space: KeySpace,
    *,
    stores: CustomKeyStoreDirectory,
    external_keys: ExternalKeySide,
    clock: Clock,
    schedule_clock: Clock,
) -> tuple[OperationFamily, ...]:
    """Return the operations on keys. `schedule_clock` is the key schedule's."""
    keys, aliases, backing_keys, grants, tokens, authorization, _ = space
    access = KeyAccess(keys, stores, tokens, authorization)
    encryption = DoubleEncryption(backing_keys, external_keys)
    usages = LastUsages(clock)
    return (
        CreateKey(keys=keys, access=access, stores=stores, external_keys=external_keys, clock=clock),
        KeyOperations(keys=keys, access=access, stores=stores, usages=usages, schedule_clock=schedule_clock),
        KeyPolicyOperations(keys=keys, access=access),
        TagOperations(keys=keys, access=access),
        AliasOperations(aliases=aliases, access=access),
        GrantOperations(grants=grants, access=access),
        Cryptography(access=access, encryption=encryption, usages=usages),
        DataKeys(access=access, encryption=encryption, usages=usages, stores=stores),
        DataKeyPairs(access=access, encryption=encryption, usages=usages),
        RotationOperations(keys=keys, backing_keys=backing_keys, access=access, schedule_clock=schedule_clock),
        RefusedOperations(access=access),
    )


def _alias_names(index: KeyIndex, key: KmsKey) -> Sequence[str]:
    return [alias.name for alias in index.aliases_of(key.key_id)]
