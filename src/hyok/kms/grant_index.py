"""All grants of all keys, in memory, found by what the API asks for. What is put here has been stored before."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterator, Sequence
from typing import TypeVar

from hyok.kms.grant_values import Grant
from hyok.policy.callers import without_role_path

PlaceT = TypeVar("PlaceT", bound=Hashable)


class GrantIndex:
    """Finds grants by id, by key, by grantee and by who may retire them, without waiting."""

    def __init__(self) -> None:
        self._grants: dict[str, Grant] = {}
        self._of_key: dict[str, list[str]] = {}
        self._of_grantee: dict[tuple[str, str], list[str]] = {}
        self._meaning: dict[tuple[str, str], list[str]] = {}
        self._of_retiring: dict[str, list[str]] = {}
        self._named: dict[tuple[str, str], set[str]] = {}

    def grant(self, grant_id: str) -> Grant | None:
        """Find a grant by its id."""
        return self._grants.get(grant_id)

    def ids_of_key(self, key_id: str) -> Sequence[str]:
        """Return the ids of a key's grants, sorted. Not a copy: read it before the next wait."""
        return self._of_key.get(key_id, ())

    def ids_of_grantee(self, key_id: str, grantee: str) -> Sequence[str]:
        """Return the ids of a key's grants to one principal, sorted. Not a copy: read it before the next wait."""
        return self._of_grantee.get((key_id, grantee), ())

    def meaning(self, key_id: str, name: str) -> Iterator[Grant]:
        """Find the grants of a key that mean a caller by one of its names; roles without their path."""
        return map(self._grants.__getitem__, self._meaning.get((key_id, name), ()))

    def ids_of_retiring(self, retiring: str) -> Sequence[str]:
        """Return the ids of the grants that one principal may retire, sorted. Not a copy."""
        return self._of_retiring.get(retiring, ())

    def repeated(self, wanted: Grant) -> Grant | None:
        """Find the grant of the same name that says the same as the one that is wanted."""
        if wanted.name is None:
            return None
        candidates = (self._grants[grant_id] for grant_id in self._named.get((wanted.key_id, wanted.name), ()))
        return next((grant for grant in candidates if grant.says_the_same_as(wanted)), None)

    def put(self, grant: Grant) -> None:
        """Add a grant."""
        self._grants[grant.grant_id] = grant
        insort(self._of_key.setdefault(grant.key_id, []), grant.grant_id)
        insort(self._of_grantee.setdefault((grant.key_id, grant.grantee.name), []), grant.grant_id)
        insort(self._meaning.setdefault((grant.key_id, without_role_path(grant.grantee.name)), []), grant.grant_id)
        if grant.retiring is not None:
            insort(self._of_retiring.setdefault(grant.retiring.name, []), grant.grant_id)
        if grant.name is not None:
            self._named.setdefault((grant.key_id, grant.name), set()).add(grant.grant_id)

    def drop(self, grant: Grant) -> None:
        """Forget a grant."""
        del self._grants[grant.grant_id]
        _remove(self._of_key, grant.key_id, grant.grant_id)
        _remove(self._of_grantee, (grant.key_id, grant.grantee.name), grant.grant_id)
        _remove(self._meaning, (grant.key_id, without_role_path(grant.grantee.name)), grant.grant_id)
        if grant.retiring is not None:
            _remove(self._of_retiring, grant.retiring.name, grant.grant_id)
        if grant.name is not None:
            named = self._named[grant.key_id, grant.name]
            named.discard(grant.grant_id)
            if not named:
                del self._named[grant.key_id, grant.name]

    def drop_grants_of(self, key_id: str) -> None:
        """Forget all grants of a key."""
        for grant_id in list(self.ids_of_key(key_id)):
            self.drop(self._grants[grant_id])


def _remove(lists: dict[PlaceT, list[str]], place: PlaceT, grant_id: str) -> None:
    ids = lists[place]
    del ids[bisect_left(ids, grant_id)]
    if not ids:
        del lists[place]
