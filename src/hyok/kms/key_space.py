"""Opens all that exists of KMS keys and puts it together with the operations on them."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from hyok.clock import Clock
from hyok.custody.safe import Safe
from hyok.kms.aliases import Aliases
from hyok.kms.backing_keys import BackingKeys
from hyok.kms.custom_key_stores import CustomKeyStoreDirectory
from hyok.kms.double_encryption import DoubleEncryption, OuterLayer
from hyok.kms.key_index import KeyIndex
from hyok.kms.keys import Keys
from hyok.kms.operation import OperationFamily
from hyok.kms.operations.aliases import AliasOperations
from hyok.kms.operations.create_key import CreateKey, ExternalKeyCheck
from hyok.kms.operations.cryptography import Cryptography
from hyok.kms.operations.data_keys import DataKeys
from hyok.kms.operations.key_details import KeyDetails
from hyok.kms.operations.keys import KeyOperations
from hyok.kms.repository import load_keys
from hyok.kms.turns import Turns
from hyok.storage.engine import Storage


class ExternalKeySide(OuterLayer, ExternalKeyCheck, Protocol):
    """All that KMS keys need of external key stores."""


class KeySpace(NamedTuple):
    """The keys, aliases and backing keys of one KMS service."""

    keys: Keys
    aliases: Aliases
    backing_keys: BackingKeys


def open_key_space(storage: Storage, safe: Safe, clock: Clock) -> KeySpace:
    """Load all keys and aliases. Blocking, for the start. StorageError if the storage fails."""
    with storage.reading() as connection:
        stored = load_keys(connection)
    index = KeyIndex()
    for key in stored.keys:
        index.put_key(key)
    for alias in stored.aliases:
        index.put_alias(alias)
    backing_keys = BackingKeys(safe, stored.backing_keys)
    turns = Turns()
    return KeySpace(
        Keys(index, backing_keys, storage=storage, turns=turns, clock=clock),
        Aliases(index, storage=storage, turns=turns, clock=clock),
        backing_keys,
    )


def operation_families(
    space: KeySpace,
    *,
    stores: CustomKeyStoreDirectory,
    external_keys: ExternalKeySide,
    clock: Clock,
    deletion_clock: Clock,
) -> tuple[OperationFamily, ...]:
    """Return the operations on keys. `deletion_clock` is the deletion schedule's."""
    keys, aliases, backing_keys = space
    encryption = DoubleEncryption(backing_keys, external_keys)
    return (
        CreateKey(keys=keys, stores=stores, external_keys=external_keys, clock=clock),
        KeyOperations(keys=keys, stores=stores, deletion_clock=deletion_clock),
        KeyDetails(keys=keys),
        Cryptography(keys=keys, encryption=encryption, stores=stores),
        DataKeys(keys=keys, encryption=encryption, stores=stores),
        AliasOperations(aliases=aliases, keys=keys, stores=stores),
    )
