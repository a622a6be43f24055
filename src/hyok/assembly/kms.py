"""The KMS service, which shares nothing with the holder's side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Final, NamedTuple

from hyok.assembly.events import recorded_events
from hyok.assembly.holder import in_turn
from hyok.assembly.kms_endpoints import kms_endpoints, kms_tls
from hyok.assembly.kms_quotas import request_quotas, resource_quotas
from hyok.assembly.material import socket_address, warn_of
from hyok.assembly.running import background, loading, serve_until_stopped
from hyok.assembly.sides import open_side
from hyok.awsjson.service import load_service_model
from hyok.clock import Clock, SystemClock
from hyok.config.configuration import Configuration
from hyok.config.settings import KmsSettings
from hyok.custody.safe import Safe
from hyok.kms.call_attributes import GivenAttributes
from hyok.kms.caller import AnyCredentials, CallerIdentification
from hyok.kms.connection import ProxyConnections
from hyok.kms.custom_key_stores import CustomKeyStoreDirectory
from hyok.kms.external_keys import ExternalKeys
from hyok.kms.key_space import ExternalKeySide, KeySpace, open_key_space, operation_families
from hyok.kms.operations.custom_key_stores import CustomKeyStoreOperations
from hyok.kms.pipeline import KmsService
from hyok.kms.schedule import KeySchedule
from hyok.kms.store_lifecycle import StoreLifecycle
from hyok.kms.store_repository import CustomKeyStoreRepository
from hyok.kms.store_transitions import LifecycleTimes
from hyok.kms.stored_principals import StoredPrincipals
from hyok.kms.verified_callers import VerifiedCallers
from hyok.storage.engine import Storage
from hyok.storage.follower import ChangeFollower
from hyok.storage.schema import Side
from hyok.transport.limits import Limits
from hyok.transport.serving import Endpoint, run
from hyok.transport.tls import TlsSetup

STALE_AFTER_SECONDS: Final = 15.0
"""How long a KMS that cannot read its change log goes on to let in principals who may have been deleted meanwhile."""
KMS_LIMITS: Final = Limits(body_bytes=1024 * 1024)
"""What the service model allows fits: a key policy of 131,072 characters, each of them escaped as `\\uXXXX`."""


class Kms(NamedTuple):
    """The KMS service, opened."""

    service: KmsService
    space: KeySpace
    schedule: KeySchedule
    lifecycle: StoreLifecycle


def open_kms_storage(settings: KmsSettings) -> AbstractContextManager[tuple[Storage, Safe]]:
    """Open the KMS's storage and safe for the length of a block."""
    return open_side(settings.storage, settings.root_key, Side.KMS)


@asynccontextmanager
async def run_kms_service(
    settings: KmsSettings,
    *,
    schedule_clock: Clock,
    wrap_external_keys: Callable[[ExternalKeySide], ExternalKeySide] = lambda external_keys: external_keys,
    attributes: GivenAttributes | None = None,
) -> AsyncIterator[Kms]:
    """Make the KMS service, with what it does in the background, for the length of the block.

    `wrap_external_keys` lets `hyok dev` time the way to the proxy, `attributes` lets its callers be who they like.
    """
    clock = SystemClock()
    with open_kms_storage(settings) as (storage, safe):
        quotas = request_quotas(settings.quotas)
        state = _load_state(settings, storage, safe, clock)
        stores = _open_stores(settings, storage, safe, clock, state.space)
        families = operation_families(
            state.space,
            stores=stores.directory,
            external_keys=wrap_external_keys(ExternalKeys(stores.connections, quotas)),
            clock=clock,
            schedule_clock=schedule_clock,
        )
        async with recorded_events(settings.events, clock) as events:
            service = KmsService(
                model=load_service_model(),
                families=(*families, stores.operations),
                identification=_identification(settings, state, clock),
                authorization=state.space.authorization,
                events=events,
                attributes=attributes,
                quotas=quotas,
            )
            schedule = KeySchedule(state.space.keys, schedule_clock, events)
            async with _serving(stores.lifecycle), background(schedule.run(), state.follower.follow()):
                yield Kms(service, state.space, schedule, stores.lifecycle)


class _State(NamedTuple):
    """What the KMS service keeps in memory of its storage, and how it follows the changes there."""

    space: KeySpace
    principals: StoredPrincipals
    follower: ChangeFollower


def _load_state(settings: KmsSettings, storage: Storage, safe: Safe, clock: Clock) -> _State:
    with loading():
        space = open_key_space(storage, safe, clock, resource_quotas(settings.quotas))
    principals = StoredPrincipals(storage, safe)
    follower = ChangeFollower(
        storage,
        in_turn([space.turns.apply, principals.apply]),
        position=space.turns.position,
        stale_after_seconds=STALE_AFTER_SECONDS,
    )
    return _State(space, principals, follower)


class _Stores(NamedTuple):
    """The custom key stores, the ways to their proxies, and what is done to them."""

    directory: CustomKeyStoreDirectory
    connections: ProxyConnections
    lifecycle: StoreLifecycle
    operations: CustomKeyStoreOperations


def _open_stores(settings: KmsSettings, storage: Storage, safe: Safe, clock: Clock, space: KeySpace) -> _Stores:
    directory = CustomKeyStoreDirectory(per_account=settings.quotas.custom_key_stores)
    connections = ProxyConnections(kms_endpoints(settings), clock)
    lifecycle = StoreLifecycle(
        directory=directory,
        repository=CustomKeyStoreRepository(storage, safe, clock, space.turns),
        connections=connections,
        has_keys=lambda store_id: bool(space.keys.of_store(store_id)),
        times=LifecycleTimes(settings.connection_delay_seconds, settings.health_check_seconds),
        turns=space.turns,
    )
    operations = CustomKeyStoreOperations(
        directory=directory, lifecycle=lifecycle, connections=connections, clock=clock
    )
    return _Stores(directory, connections, lifecycle, operations)


@asynccontextmanager
async def _serving(lifecycle: StoreLifecycle) -> AsyncIterator[None]:
    await lifecycle.start()
    try:
        yield
    finally:
        await lifecycle.aclose()


def _identification(settings: KmsSettings, state: _State, clock: Clock) -> CallerIdentification:
    match settings.signatures:
        case "verify":
            return VerifiedCallers(state.principals.principals, clock=clock, is_stale=state.follower.is_stale)
        case "any-credentials":
            return AnyCredentials(account=settings.account, region=settings.region)


def serve_kms(configuration: Configuration) -> None:
    """Run the KMS service until SIGTERM or SIGINT. OperatorError if it cannot start."""
    settings = configuration.require_kms()
    tls = kms_tls(settings)
    run(_serve_kms(settings, None if tls is None else warn_of(tls)))


async def _serve_kms(settings: KmsSettings, tls: TlsSetup | None) -> None:
    async with run_kms_service(settings, schedule_clock=SystemClock()) as kms:
        context = None if tls is None else tls.context
        await serve_until_stopped(Endpoint("kms", socket_address(settings.listen), kms.service, context, KMS_LIMITS))
