"""The grants: made, found, listed and ended; in force, and no more, from the answer on."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from hyok.awsjson.errors import AwsError
from hyok.clock import Clock
from hyok.kms import errors, grant_repository
from hyok.kms.grant_index import GrantIndex
from hyok.kms.grant_tokens import GrantTokens
from hyok.kms.grant_values import Grant
from hyok.kms.key_index import KeyIndex
from hyok.kms.pages import Page, page_of
from hyok.kms.resource_quotas import ResourceQuotas
from hyok.kms.row_seals import RowSeals
from hyok.kms.turns import Turns
from hyok.kms.values import KmsKey

_GRANT_ID: Final = re.compile(r"[0-9a-f]{64}")


class Grants:
    """All grants of all keys. Writes raise `hyok.storage.errors.StorageError` if the storage fails."""

    def __init__(
        self,
        index: GrantIndex,
        keys: KeyIndex,
        tokens: GrantTokens,
        *,
        seals: RowSeals,
        turns: Turns,
        clock: Clock,
        per_key: int = ResourceQuotas().grants_per_key,
    ) -> None:
        """`per_key` is how many a key may have; 0 for any number."""
        self._index = index
        self._keys = keys
        self._tokens = tokens
        self._seals = seals
        self._turns = turns
        self._per_key = per_key
        self._clock = clock

    def find(self, key: KmsKey, grant_id: str) -> Grant:
        """Return a key's grant. AwsError InvalidGrantIdException for what is no id, NotFoundException for no grant."""
        check_grant_id(grant_id)
        grant = self._index.grant(grant_id)
        if grant is None or grant.key_id != key.key_id:
            raise AwsError("NotFoundException", f"Grant ID {grant_id} not found for {key.arn}")
        return grant

    def find_by_token(self, token: str, *, region: str) -> tuple[KmsKey, Grant]:
        """Return the grant a token names, and its key. AwsError if the token is false or the grant not there."""
        grant = self._index.grant(self._tokens.grant_id(token))
        key = None if grant is None else self._keys.key(grant.key_id)
        if grant is None or key is None or key.region != region:
            raise AwsError("NotFoundException", "The grant that the grant token names is not there.")
        return key, grant

    def page(
        self, key: KmsKey, *, grantee: str | None, grant_id: str | None, limit: int, marker: str | None
    ) -> tuple[Sequence[Grant], Page]:
        """Return some of a key's grants: all, one grantee's, the one of an id. AwsError InvalidMarkerException."""
        if grant_id is not None:
            grants = [
                grant
                for grant in self._grants([grant_id])
                if grant.key_id == key.key_id and grantee in (None, grant.grantee.name)
            ]
            return grants, Page((), None)
        page = page_of(
            self._index.ids_of_key(key.key_id) if grantee is None else self._index.ids_of_grantee(key.key_id, grantee),
            limit=limit,
            marker=marker,
        )
        return self._grants(page.names), page

    def page_of_retirable(
        self, retiring: str, *, region: str, limit: int, marker: str | None
    ) -> tuple[Sequence[Grant], Page]:
        """Return some of the grants in a Region that a principal may retire. AwsError InvalidMarkerException."""
        grants = self._grants(self._index.ids_of_retiring(retiring))
        ids = [grant.grant_id for grant in grants if self._is_in(grant, region)]
        page = page_of(ids, limit=limit, marker=marker)
        return self._grants(page.names), page

    async def create(self, wanted: Grant) -> tuple[Grant, str]:
        """Store a grant, unless one of its name that says the same is there; return the one or other, and a token."""
        grant = await self._turns.take(lambda: self._create(wanted))
        return grant, self._tokens.create(grant.grant_id)

    async def delete(self, grant: Grant) -> None:
        """Delete a grant. No error if somebody was quicker."""
        await self._turns.take(lambda: self._delete(grant))

    async def _create(self, wanted: Grant) -> Grant:
        repeated = self._index.repeated(wanted)
        if repeated is not None:
            return repeated
        self._require_room(wanted)
        grant = replace(wanted, grant_id=secrets.token_hex(32), created_at=round(self._clock.now(), 3))
        await self._turns.store(partial(grant_repository.insert_grant, seals=self._seals, grant=grant))
        self._index.put(grant)
        return grant

    async def _delete(self, grant: Grant) -> None:
        if self._index.grant(grant.grant_id) is None:
            return
        await self._turns.store(partial(grant_repository.delete_grant, grant=grant, at=self._clock.now()))
        self._index.drop(grant)

    def _require_room(self, wanted: Grant) -> None:
        if self._keys.key(wanted.key_id) is None:
            raise errors.key_not_found(wanted.key_arn)
        present = len(self._index.ids_of_key(wanted.key_id))
        if 0 < self._per_key <= present:
            raise errors.limit_exceeded(f"{wanted.key_arn} has {present} grants; the quota is {self._per_key}.")

    def _grants(self, grant_ids: Iterable[str]) -> Sequence[Grant]:
        return [grant for grant_id in grant_ids if (grant := self._index.grant(grant_id))]

    def _is_in(self, grant: Grant, region: str) -> bool:
        key = self._keys.key(grant.key_id)
        return key is not None and key.region == region


def check_grant_id(grant_id: str) -> None:
    """Refuse what no grant has for an id. AwsError InvalidGrantIdException."""
    if not _GRANT_ID.fullmatch(grant_id):
        raise AwsError("InvalidGrantIdException", f"Invalid grant ID {grant_id}: expected 64 hexadecimal digits")
