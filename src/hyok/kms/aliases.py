"""The aliases: names in an account and Region that point at keys and can be moved to others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from hyok.awsjson.errors import AwsError
from hyok.clock import Clock
from hyok.kms import errors, repository
from hyok.kms.call import Call
from hyok.kms.key_index import KeyIndex
from hyok.kms.key_names import ALIAS_PREFIX, alias_arn
from hyok.kms.pages import Page, page_of
from hyok.kms.resource_quotas import ResourceQuotas
from hyok.kms.row_seals import RowSeals
from hyok.kms.turns import Turns
from hyok.kms.values import Alias, KmsKey

_RESERVED_PREFIX: Final = "alias/aws/"


class Aliases:
    """All aliases of all accounts and Regions. Writes raise `hyok.storage.errors.StorageError` if the storage fails."""

    def __init__(
        self,
        index: KeyIndex,
        *,
        seals: RowSeals,
        turns: Turns,
        clock: Clock,
        per_key: int = ResourceQuotas().aliases_per_key,
    ) -> None:
        """`per_key` is how many a key may have; 0 for any number."""
        self._index = index
        self._seals = seals
        self._turns = turns
        self._clock = clock
        self._per_key = per_key

    def find(self, call: Call, name: str) -> Alias:
        """Return an alias of the caller's by its name. AwsError NotFoundException.

        IntegrityError, an internal error to the caller, for one whose row somebody else has edited.
        """
        arn = alias_arn(call.account, call.region, name)
        alias = self._index.alias(arn)
        if alias is None:
            self._index.require_unaltered(arn)
            raise errors.alias_not_found(arn)
        return alias

    def target(self, alias: Alias) -> KmsKey | None:
        """Return the key an alias points at."""
        return self._index.key(alias.key_id)

    def page(self, call: Call, *, limit: int, marker: str | None) -> tuple[Sequence[Alias], Page]:
        """Return some of the caller's aliases, by name. AwsError InvalidMarkerException."""
        page = page_of(self._index.alias_names(call.account, call.region), limit=limit, marker=marker)
        return [self.find(call, name) for name in page.names], page

    def page_of_key(self, call: Call, key: KmsKey, *, limit: int, marker: str | None) -> tuple[Sequence[Alias], Page]:
        """Return some of one key's aliases, by name. AwsError InvalidMarkerException."""
        page = page_of([alias.name for alias in self._index.aliases_of(key.key_id)], limit=limit, marker=marker)
        return [self.find(call, name) for name in page.names], page

    async def create(self, call: Call, name: str, key: KmsKey) -> None:
        """Store a new alias. AwsError if the name cannot be had, is taken, or the key has too many."""
        check_alias_name(name)
        await self._turns.take(lambda: self._create(call, name, key))

    async def move(self, call: Call, name: str, key: KmsKey) -> None:
        """Point an alias at another key. AwsError if there is no such alias, or the key has too many."""
        check_alias_name(name)
        await self._turns.take(lambda: self._move(call, name, key))

    async def delete(self, call: Call, name: str) -> None:
        """Delete an alias. AwsError if there is no such alias."""
        check_alias_name(name)
        await self._turns.take(lambda: self._delete(call, name))

    async def _create(self, call: Call, name: str, key: KmsKey) -> None:
        arn = alias_arn(call.account, call.region, name)
        if self._index.alias(arn) is not None:
            raise AwsError("AlreadyExistsException", f"An alias with the name {arn} already exists")
        self._require_room(key)
        now = round(self._clock.now(), 3)
        alias = Alias(call.account, call.region, name, arn, key.key_id, created_at=now, updated_at=now)
        await self._turns.store(partial(repository.insert_alias, seals=self._seals, alias=alias))
        self._index.put_alias(alias)

    async def _move(self, call: Call, name: str, key: KmsKey) -> None:
        was = self.find(call, name)
        if was.key_id != key.key_id:
            self._require_room(key)
        alias = was._replace(key_id=key.key_id, updated_at=round(self._clock.now(), 3))
        await self._turns.store(partial(repository.update_alias, seals=self._seals, alias=alias, was=was))
        self._index.put_alias(alias)

    async def _delete(self, call: Call, name: str) -> None:
        alias = self.find(call, name)
        await self._turns.store(partial(repository.delete_alias, alias=alias, at=self._clock.now()))
        self._index.drop_alias(alias)

    def _require_room(self, key: KmsKey) -> None:
        if self._index.key(key.key_id) is None:
            raise errors.key_not_found(key.arn)
        present = len(self._index.aliases_of(key.key_id))
        if 0 < self._per_key <= present:
            raise errors.limit_exceeded(f"{key.arn} has {present} aliases; the quota is {self._per_key}.")


def check_alias_name(name: str) -> None:
    """Refuse a name that AWS lets nobody have; its length and characters are the service model's business."""
    if not name.startswith(ALIAS_PREFIX):
        raise errors.validation(
            'Alias must start with the prefix "alias/". Please see '
            "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
        )
    if name.startswith(_RESERVED_PREFIX):
        raise AwsError("NotAuthorizedException", f"Aliases that begin with {_RESERVED_PREFIX} are reserved for AWS.")


def check_new_alias_name(name: str) -> None:
    """Refuse a name that no alias has either. InvalidAliasNameException is in the model of CreateAlias alone."""
    check_alias_name(name)
    if name == ALIAS_PREFIX:
        raise AwsError("InvalidAliasNameException", 'The alias name has nothing after its prefix "alias/".')
