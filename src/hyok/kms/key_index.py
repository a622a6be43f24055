"""All KMS keys and aliases of all accounts and Regions, in memory. What is put here has been stored before."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush

from hyok.custody.errors import IntegrityError
from hyok.kms.values import Alias, ExternalKeyReference, KeyState, KmsKey

_Place = tuple[str, str]
"""An account and a Region."""


class KeyIndex:
    """Finds keys and aliases by every name they have, without waiting."""

    def __init__(self) -> None:
        self._keys: dict[str, KmsKey] = {}
        self._keys_by_external_key: dict[ExternalKeyReference, KmsKey] = {}
        self._aliases: dict[str, Alias] = {}
        self._alias_arns_of_key: dict[str, set[str]] = {}
        self._key_ids: dict[_Place, list[str]] = {}
        self._alias_names: dict[_Place, list[str]] = {}
        self._agenda: list[tuple[float, str]] = []
        """Dates and key ids, as a heap. An entry counts only while its key still has that date."""
        self._altered: set[str] = set()

    def key(self, key_id: str) -> KmsKey | None:
        """Find a key by its key id."""
        return self._keys.get(key_id)

    def key_by_arn(self, arn: str) -> KmsKey | None:
        """Find a key by its key ARN."""
        key = self._keys.get(arn.rpartition("/")[2])
        return key if key is not None and key.arn == arn else None

    def key_by_external_key(self, reference: ExternalKeyReference) -> KmsKey | None:
        """Find the one key that is tied to an external key."""
        return self._keys_by_external_key.get(reference)

    def alias(self, arn: str) -> Alias | None:
        """Find an alias by its ARN."""
        return self._aliases.get(arn)

    def note_altered(self, names: Iterable[str]) -> None:
        """Remember the key ids, key ARNs and alias ARNs of rows that are not as hyok wrote them."""
        self._altered.update(names)

    def require_unaltered(self, name: str) -> None:
        """Return if what is not found under a name is not there; IntegrityError if its row was left out as altered."""
        alias = self._aliases.get(name)
        if name in self._altered or (alias is not None and alias.key_id in self._altered):
            raise IntegrityError(f"the stored row of {name} is not as hyok wrote it, so that nobody may use it")

    def all_keys(self) -> Iterable[KmsKey]:
        """Return every key, in no order. A view: read it before the next wait."""
        return self._keys.values()

    def due_keys(self, now: float) -> Sequence[KmsKey]:
        """Return the keys whose deletion or rotation is due; they stay so until they are put again, or dropped."""
        due: dict[str, KmsKey] = {}
        while self._agenda and self._agenda[0][0] <= now:
            date, key_id = heappop(self._agenda)
            key = self._keys.get(key_id)
            if key is not None and due_date(key) == date:
                due[key_id] = key
        for key in due.values():
            self._enter(key)
        return list(due.values())

    def key_ids(self, account: str, region: str) -> Sequence[str]:
        """Return the key ids of an account and Region, sorted. Not a copy: read it before the next wait."""
        return self._key_ids.get((account, region), [])

    def alias_names(self, account: str, region: str) -> Sequence[str]:
        """Return the alias names of an account and Region, sorted. Not a copy: read it before the next wait."""
        return self._alias_names.get((account, region), [])

    def aliases_of(self, key_id: str) -> Sequence[Alias]:
        """Return a key's aliases, sorted by name."""
        return [self._aliases[arn] for arn in sorted(self._alias_arns_of_key.get(key_id, ()))]

    def put_key(self, key: KmsKey) -> None:
        """Add a key, or put it in the place of an earlier state of itself."""
        if key.key_id not in self._keys:
            insort(self._key_ids.setdefault((key.account, key.region), []), key.key_id)
        self._keys[key.key_id] = key
        if key.external_key is not None:
            self._keys_by_external_key[key.external_key] = key
        self._enter(key)
        self._altered -= {key.key_id, key.arn}

    def drop_key(self, key: KmsKey) -> None:
        """Forget a key and its aliases."""
        for alias in self.aliases_of(key.key_id):
            self.drop_alias(alias)
        self._alias_arns_of_key.pop(key.key_id, None)
        del self._keys[key.key_id]
        if key.external_key is not None:
            del self._keys_by_external_key[key.external_key]
        _remove_sorted(self._key_ids[key.account, key.region], key.key_id)

    def put_alias(self, alias: Alias) -> None:
        """Add an alias, or put it in the place of an earlier state of itself."""
        earlier = self._aliases.get(alias.arn)
        if earlier is None:
            insort(self._alias_names.setdefault((alias.account, alias.region), []), alias.name)
        else:
            self._alias_arns_of_key[earlier.key_id].discard(alias.arn)
        self._aliases[alias.arn] = alias
        self._alias_arns_of_key.setdefault(alias.key_id, set()).add(alias.arn)
        self._altered.discard(alias.arn)

    def drop_alias(self, alias: Alias) -> None:
        """Forget an alias."""
        del self._aliases[alias.arn]
        self._alias_arns_of_key[alias.key_id].discard(alias.arn)
        _remove_sorted(self._alias_names[alias.account, alias.region], alias.name)

    def _enter(self, key: KmsKey) -> None:
        date = due_date(key)
        if date is not None:
            heappush(self._agenda, (date, key.key_id))


def due_date(key: KmsKey) -> float | None:
    """Return when something happens to a key by itself: its deletion, or its rotation unless it is disabled."""
    match key.state:
        case KeyState.PENDING_DELETION:
            return key.deletion_date
        case KeyState.ENABLED:
            return None if key.rotation is None else key.rotation.next_at
        case KeyState.DISABLED | KeyState.UNAVAILABLE:
            return None


def _remove_sorted(names: list[str], name: str) -> None:
    del names[bisect_left(names, name)]
