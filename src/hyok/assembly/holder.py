"""The holder's side: what commands change and the proxy serves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from hyok.assembly.authorization import accounts_in_organizations
from hyok.assembly.authors import this_process
from hyok.assembly.key_manager_access import KeyManagerAccess, OpenKeyManager
from hyok.assembly.key_managers import administer_key_managers, open_key_managers
from hyok.assembly.recorded import record_changes
from hyok.assembly.sides import anchor_storage, open_side, open_side_storage
from hyok.clock import Clock, SystemClock
from hyok.config.configuration import Configuration, HolderSettings
from hyok.config.settings import AuthorizationSettings
from hyok.custody.following import SuccessionFollower
from hyok.custody.operator_keys import parse_operator
from hyok.custody.records import Author, Recorder
from hyok.custody.rulings import Judge
from hyok.custody.safe import Safe, SafeKey, inherit_safe
from hyok.keymanagers.interface import KeyAdministrator, KeyManager
from hyok.keymanagers.pkcs11.modules import Modules
from hyok.proxy.freezes import Freezes
from hyok.proxy.stored_freezes import StoredFreezes
from hyok.proxy.stored_keystores import StoredKeyStores
from hyok.quota_table import QuotaTable
from hyok.storage.changes import Change, current_position
from hyok.storage.engine import Storage
from hyok.storage.follower import ChangeFollower
from hyok.storage.schema import Side


class Holder(NamedTuple):
    """The customer's side, opened."""

    storage: Storage
    safe: Safe
    clock: Clock
    access: KeyManagerAccess
    key_administrators: Mapping[str, KeyAdministrator]
    """By the key manager's name in the configuration; those that can be administered."""
    recorder: Recorder
    """Writes down what is changed, in the name of whoever opened the holder's side."""
    judge: Judge
    """Tells what is frozen, and who may lift it."""


@contextmanager
def open_holder(configuration: Configuration, author: Author | None = None) -> Iterator[Holder]:
    """Open the holder's storage and safe for the length of the block. What is changed is recorded as the author's."""
    settings = configuration.require_holder()
    with open_side(settings.storage, settings.root_key, Side.HOLDER) as (storage, safe):
        yield _holder(settings, storage, safe, author)


@contextmanager
def inherit_holder(configuration: Configuration, key: SafeKey) -> Iterator[Holder]:
    """Open the holder's storage, and its safe with a key that was handed over; the root key is not touched."""
    settings = configuration.require_holder()
    with closing(open_side_storage(settings.storage, Side.HOLDER)) as storage:
        safe = inherit_safe(storage, key)
        anchor_storage(storage, safe, settings.storage)
        yield _holder(settings, storage, safe, None)


def _holder(settings: HolderSettings, storage: Storage, safe: Safe, author: Author | None) -> Holder:
    clock = SystemClock()
    recorder = record_changes(storage, safe, clock, this_process() if author is None else author).recorder
    access = KeyManagerAccess(storage, safe, clock, recorder, Modules())
    administrators = administer_key_managers(settings.key_managers, access)
    judge = Judge(safe, dict(parse_operator(text) for text in settings.withdrawal.trusted_operators))
    return Holder(storage, safe, clock, access, administrators, recorder, judge)


class HolderState(NamedTuple):
    """What a proxy keeps in memory of the holder's storage, and how it follows the changes there."""

    key_stores: StoredKeyStores
    key_managers: Mapping[str, KeyManager]
    freezes: Freezes
    follower: ChangeFollower
    upkeep: Sequence[Callable[[], Coroutine[object, None, None]]] = ()
    """What key managers see to in the storage while the proxy runs; never ends by itself."""
    encryption_shares: Mapping[str, Callable[[], float]] = MappingProxyType({})
    """By key manager, how much one version has given out of what it may encrypt."""
    authorization: AuthorizationSettings = AuthorizationSettings()
    """Who decides on the use of keys besides the policies."""
    workers: int = 1
    """How many processes share what is counted."""


def load_holder_state(
    holder: Holder, settings: HolderSettings, *, workers: int = 1, quotas: QuotaTable | None = None
) -> HolderState:
    """Read key stores and keys into memory. Blocking, for the start. `workers` processes share what is counted."""
    with holder.storage.reading() as connection:
        # Asked first: what changes while the rest is read is then applied once more, which does no harm.
        position = current_position(connection)
    organizations = accounts_in_organizations(settings.authorization)
    key_stores = StoredKeyStores(holder.storage, holder.safe, quotas=quotas, organizations=organizations)
    opened = open_key_managers(settings.key_managers, holder.access)
    freezes = StoredFreezes(holder.storage, holder.judge, forget_keys=partial(_forget_material, opened))
    followers = [
        SuccessionFollower(holder.storage, holder.safe).apply,
        freezes.apply,  # before anything that may take longer
        key_stores.apply,
        *(each.apply for each in opened.values() if each.apply is not None),
    ]
    managers = {name: each.manager for name, each in opened.items()}
    follower = ChangeFollower(
        holder.storage,
        in_turn(followers),
        position=position,
        stale_after_seconds=settings.withdrawal.stale_after_seconds,
    )
    upkeep = tuple(each.upkeep for each in opened.values() if each.upkeep is not None)
    shares = {name: each.encryption_share for name, each in opened.items() if each.encryption_share is not None}
    return HolderState(key_stores, managers, freezes.freezes, follower, upkeep, shares, settings.authorization, workers)


def _forget_material(opened: Mapping[str, OpenKeyManager]) -> None:
    for each in opened.values():
        if each.forget_material is not None:
            each.forget_material()


def in_turn(
    followers: Sequence[Callable[[Sequence[Change]], Awaitable[None]]],
) -> Callable[[Sequence[Change]], Awaitable[None]]:
    """Tell several of each change, in this order."""

    async def apply(changes: Sequence[Change]) -> None:
        for follower in followers:
            await follower(changes)

    return apply
