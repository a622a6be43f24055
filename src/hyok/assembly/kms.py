"""The KMS service, which shares nothing with the holder's side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Final, NamedTuple

from hyok.assembly.events import recorded_events
from hyok.assembly.holder import in_turn
from hyok.assembly.material import optional_key_pair, pem, socket_address, warn_of
from hyok.assembly.running import background, loading, serve_until_stopped
from hyok.assembly.sides import open_side
from hyok.awsjson.service import load_service_model
from hyok.clock import Clock, SystemClock
from hyok.config.configuration import Configuration
from hyok.config.settings import KmsQuotaSettings, KmsSettings, VpcEndpointServiceSettings
from hyok.custody.following import SuccessionFollower
from hyok.custody.safe import Safe
from hyok.errors import OperatorError
from hyok.kms.call_attributes import GivenAttributes
from hyok.kms.caller import AnyCredentials, CallerIdentification
from hyok.kms.connection import ProxyConnections
from hyok.kms.custom_key_stores import CustomKeyStoreDirectory
from hyok.kms.endpoints import ProxyEndpoints
from hyok.kms.external_keys import ExternalKeys
from hyok.kms.key_space import ExternalKeySide, KeySpace, open_key_space, operation_families
from hyok.kms.operations.custom_key_stores import CustomKeyStoreOperations
from hyok.kms.pipeline import KmsService
from hyok.kms.quotas import MANAGEMENT_REQUESTS, RequestQuotas, RequestRates, ResourceQuotas
from hyok.kms.schedule import KeySchedule
from hyok.kms.store_lifecycle import LifecycleTimes, StoreLifecycle
from hyok.kms.store_repository import CustomKeyStoreRepository
from hyok.kms.stored_principals import StoredPrincipals
from hyok.kms.verified_callers import VerifiedCallers
from hyok.kms.vpc_endpoint_services import EndpointService, EndpointServices, LoadBalancer, PrivateDnsState
from hyok.storage.engine import Storage
from hyok.storage.follower import ChangeFollower
from hyok.storage.schema import Side
from hyok.transport.limits import Limits
from hyok.transport.serving import Endpoint, run
from hyok.transport.tls import TlsSetup, client_context, server_context

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


def _identification(
    settings: KmsSettings, principals: StoredPrincipals, follower: ChangeFollower, clock: Clock
) -> CallerIdentification:
    match settings.signatures:
        case "verify":
            return VerifiedCallers(principals.principals, clock=clock, is_stale=follower.is_stale)
        case "any-credentials":
            return AnyCredentials(account=settings.account, region=settings.region)


def kms_endpoints(settings: KmsSettings) -> ProxyEndpoints:
    """Tell where proxies are, whom to trust on the way and what to show them."""
    authorities = None if settings.xks_authorities is None else pem(settings.xks_authorities)
    tls = client_context(authorities, optional_key_pair(settings.client_certificate, settings.client_private_key))
    return ProxyEndpoints(
        warn_of(tls),
        endpoint_map={host: socket_address(address) for host, address in settings.endpoint_map.items()},
        services=EndpointServices(_endpoint_service(each, settings) for each in settings.vpc_endpoint_services),
    )


def _endpoint_service(service: VpcEndpointServiceSettings, settings: KmsSettings) -> EndpointService:
    return EndpointService(
        name=service.name,
        owner=service.owner or settings.account,
        allowed_principals=service.allowed_principals,
        is_acceptance_required=service.acceptance_required,
        load_balancer=LoadBalancer(service.load_balancer),
        availability_zones=service.availability_zones,
        private_dns_name=service.private_dns_name,
        private_dns_state=PrivateDnsState(service.private_dns_state),
        address=socket_address(service.address),
    )


def request_quotas(settings: KmsQuotaSettings) -> RequestQuotas | None:
    """Count requests as the settings say; None if nothing is counted. OperatorError for an unknown operation."""
    known = load_service_model().operations if settings.requests else ()
    unknown = [name for name in settings.requests if name not in known]
    if unknown:
        raise OperatorError(
            f"kms.quotas.requests.{unknown[0]} is no operation of AWS KMS; write it as its API does, for example "
            "CreateKey = 5"
        )
    rates = RequestRates(
        by_operation={**(MANAGEMENT_REQUESTS if settings.management_requests else {}), **settings.requests},
        cryptographic=settings.cryptographic_requests,
        by_store=settings.custom_key_store_requests,
    )
    return RequestQuotas(rates) if any((*rates.by_operation.values(), *rates[1:])) else None


def _resource_quotas(settings: KmsQuotaSettings) -> ResourceQuotas:
    return ResourceQuotas(settings.custom_key_stores, settings.keys, settings.aliases_per_key, settings.grants_per_key)


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
        with loading():
            space = open_key_space(storage, safe, clock, _resource_quotas(settings.quotas))
        space.turns.tell(SuccessionFollower(storage, safe).apply)
        principals = StoredPrincipals(storage, safe)
        follower = ChangeFollower(
            storage,
            in_turn([space.turns.apply, principals.apply]),
            position=space.turns.position,
            stale_after_seconds=STALE_AFTER_SECONDS,
        )
        stores = CustomKeyStoreDirectory(per_account=settings.quotas.custom_key_stores)
        connections = ProxyConnections(kms_endpoints(settings), clock)
        lifecycle = StoreLifecycle(
            directory=stores,
            repository=CustomKeyStoreRepository(storage, safe, clock, space.turns),
            connections=connections,
            has_keys=lambda store_id: bool(space.keys.of_store(store_id)),
            times=LifecycleTimes(settings.connection_delay_seconds, settings.health_check_seconds),
            turns=space.turns,
        )
        families = operation_families(
            space,
            stores=stores,
            external_keys=wrap_external_keys(ExternalKeys(connections, quotas)),
            clock=clock,
            schedule_clock=schedule_clock,
        )
        store_operations = CustomKeyStoreOperations(
            directory=stores, lifecycle=lifecycle, connections=connections, clock=clock
        )
        async with recorded_events(settings.events, clock) as events:
            service = KmsService(
                model=load_service_model(),
                families=(*families, store_operations),
                identification=_identification(settings, principals, follower, clock),
                authorization=space.authorization,
                events=events,
                attributes=attributes,
                quotas=quotas,
            )
            schedule = KeySchedule(space.keys, schedule_clock, events)
            await lifecycle.start()
            try:
                async with background(schedule.run(), follower.follow()):
                    yield Kms(service, space, schedule, lifecycle)
            finally:
                await lifecycle.aclose()


def kms_tls(settings: KmsSettings) -> TlsSetup | None:
    """Make the TLS context the KMS service serves with; None if it is to speak plain HTTP."""
    key_pair = optional_key_pair(settings.certificate, settings.private_key)
    return None if key_pair is None else server_context(key_pair)


def serve_kms(configuration: Configuration) -> None:
    """Run the KMS service until SIGTERM or SIGINT. OperatorError if it cannot start."""
    settings = configuration.require_kms()
    tls = kms_tls(settings)
    run(_serve_kms(settings, None if tls is None else warn_of(tls)))


async def _serve_kms(settings: KmsSettings, tls: TlsSetup | None) -> None:
    async with run_kms_service(settings, schedule_clock=SystemClock()) as kms:
        context = None if tls is None else tls.context
        await serve_until_stopped(Endpoint("kms", socket_address(settings.listen), kms.service, context, KMS_LIMITS))
