"""The key stores of this proxy, in memory: one per path prefix, with credentials and external keys of its own.

All of it belongs to the loop's thread. A key store is replaced as a whole; only its external keys, of which there may
be a million, change in place, one dictionary entry at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from hyok.proxy.authorization.first_use import Binding
from hyok.proxy.authorization.key_store_policies import KeyStorePolicies
from hyok.proxy.ciphertext_metadata import FIRST_COPY
from hyok.proxy.predecessors import AadLayout
from hyok.quota import Quota
from hyok.sigv4.signing import SigningKeys


class Credential(Struct, frozen=True):
    """An active SigV4 credential of one key store."""

    access_key_id: str
    signing_keys: SigningKeys
    created_at: float = 0.0
    """Unix seconds."""


@dataclass(slots=True)
class ExternalKey:
    """A key that a key store offers: whose it is, and what it is called there."""

    id: str
    key_manager: str
    manager_key_id: str
    copy: int = FIRST_COPY
    """Its number among the copies of the external key; ciphertext tells by it who sealed it."""
    copies: tuple[ExternalKey, ...] = ()
    """If there is more than one, all of them, this one too, in the order in which they are asked to encrypt."""
    binding: Binding | None = field(default=None, compare=False)
    """The one KMS key that may use it; None if it may serve any."""
    decrypting_version: int = field(default=0, compare=False)
    """The last version that the key manager was asked whether it may decrypt too, and said yes; see encrypt.py."""

    def key_managers(self) -> tuple[str, ...]:
        """Return the names of the key managers that have the key."""
        return tuple(copy.key_manager for copy in self.copies) or (self.key_manager,)


class ExternalKeys:
    """The external keys of one key store."""

    __slots__ = ("_by_id", "_uses", "find")

    def __init__(self, keys: Iterable[ExternalKey] = ()) -> None:
        self._by_id = {key.id: key for key in keys}
        self._uses = Counter(manager for key in self._by_id.values() for manager in key.key_managers())
        self.find: Callable[[str], ExternalKey | None] = self._by_id.get
        """Return a key by its id; one that only its key manager knows is not here. On the path of each request."""

    def put(self, key: ExternalKey) -> None:
        """Add a key, or replace the one of that id."""
        self.remove(key.id)
        self._by_id[key.id] = key
        self._uses.update(key.key_managers())

    def remove(self, key_id: str) -> None:
        """Take a key out, if it is there."""
        key = self._by_id.pop(key_id, None)
        if key is not None:
            self._uses.subtract(key.key_managers())

    def key_managers(self) -> tuple[str, ...]:
        """Return the names of the key managers that hold these keys, sorted."""
        return tuple(sorted(name for name, uses in self._uses.items() if uses))


@dataclass(frozen=True, slots=True)
class KeyStore:
    """An external key store as the proxy serves it."""

    name: str
    path_prefix: str
    """What stands before `/kms/xks/v1`: empty, or with a leading slash."""
    regions: frozenset[bytes]
    """The Regions that a credential scope may name; empty for any."""
    credentials: Mapping[bytes, Credential]
    """The active ones, by access key id."""
    external_keys: ExternalKeys
    created_at: float = 0.0
    """Unix seconds. Tells a key store from one of the same name that was deleted before it."""
    predecessors: Mapping[bytes, tuple[AadLayout, ...]] = field(default_factory=dict)
    """What the proxies before this one wrote, by the ciphertext metadata that tells it."""
    quota: Quota | None = None
    """What this process may take of it; no limit if None."""
    policies: KeyStorePolicies | None = None
    """What decides on each use of its keys; None if nothing but AWS does."""


class KeyStoreDirectory:
    """All key stores, by the path prefix where they live and by name."""

    def __init__(self, key_stores: Iterable[KeyStore] = ()) -> None:
        self._by_name = {key_store.name: key_store for key_store in key_stores}
        self.by_prefix: Mapping[bytes, KeyStore] = {}
        """What requests see: never changed, but replaced as a whole."""
        self.replace({})

    def named(self, name: str) -> KeyStore | None:
        """Return the key store of a name."""
        return self._by_name.get(name)

    def all(self) -> tuple[KeyStore, ...]:
        """Return all key stores."""
        return tuple(self._by_name.values())

    def replace(self, changed: Mapping[str, KeyStore | None]) -> None:
        """Put in key stores by name, and take out those that are None. The next request sees all of it or nothing."""
        for name, key_store in changed.items():
            if key_store is None:
                self._by_name.pop(name, None)
            else:
                self._by_name[name] = key_store
        self.by_prefix = {key_store.path_prefix.encode(): key_store for key_store in self._by_name.values()}
