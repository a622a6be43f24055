"""Configuration in, running objects out: the only place that names concrete backends. Reads top to bottom."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from hyok.audit.log import open_audit_log
from hyok.awsjson.service import load_service_model
from hyok.clock import Clock, SystemClock
from hyok.config import values
from hyok.config.configuration import Configuration, HolderSettings
from hyok.config.references import ReferenceScheme, SecretReference, resolve_secret
from hyok.config.settings import (
    AppRoleLoginSettings,
    CertificateLoginSettings,
    EmbeddedKeyManagerSettings,
    KeyManagerSettings,
    KmipKeyManagerSettings,
    KmsSettings,
    KubernetesLoginSettings,
    Pkcs11KeyManagerSettings,
    ProxySettings,
    RootKeySettings,
    StorageSettings,
    TokenLoginSettings,
    TokenNameSettings,
    TransitKeyManagerSettings,
)
from hyok.custody.file_root import open_file_root, parse_root_key
from hyok.custody.root_key import LocalRootKey, RootKey
from hyok.custody.safe import Safe, SafeKey, inherit_safe, open_safe, unlock_safe
from hyok.errors import OperatorError
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.keymanagers.interface import KeyAdministrator, KeyManager
from hyok.keymanagers.kmip.administrator import KmipKeyAdministrator
from hyok.keymanagers.kmip.manager import KmipKeyManager
from hyok.keymanagers.kmip.setup import IvSource, KmipSetup
from hyok.keymanagers.kmip.vocabulary import SPOKEN_VERSIONS
from hyok.keymanagers.pkcs11.administrator import Pkcs11KeyAdministrator
from hyok.keymanagers.pkcs11.dialects import choose_dialect
from hyok.keymanagers.pkcs11.manager import Pkcs11KeyManager
from hyok.keymanagers.pkcs11.modules import Modules
from hyok.keymanagers.pkcs11.opening import TokenAccess
from hyok.keymanagers.pkcs11.setup import Pkcs11Setup
from hyok.keymanagers.pkcs11.slots import TokenName, TokenNameKind
from hyok.keymanagers.transit.administrator import TransitKeyAdministrator
from hyok.keymanagers.transit.manager import TransitKeyManager
from hyok.keymanagers.transit.policy import least_privilege_policy
from hyok.keymanagers.transit.setup import (
    AppRoleLogin,
    CertificateLogin,
    KubernetesLogin,
    Login,
    TokenLogin,
    TransitSetup,
    is_key_name,
)
from hyok.kms.caller import AnyCredentials, CallerIdentification
from hyok.kms.connection import ProxyConnections
from hyok.kms.custom_key_stores import CustomKeyStoreDirectory
from hyok.kms.endpoints import ProxyEndpoints
from hyok.kms.external_keys import ExternalKeys
from hyok.kms.key_space import ExternalKeySide, KeySpace, open_key_space, operation_families
from hyok.kms.operations.custom_key_stores import CustomKeyStoreOperations
from hyok.kms.pipeline import KmsService
from hyok.kms.schedule import KeySchedule
from hyok.kms.store_lifecycle import LifecycleTimes, StoreLifecycle
from hyok.kms.store_repository import CustomKeyStoreRepository
from hyok.kms.stored_principals import StoredPrincipals
from hyok.kms.verified_callers import VerifiedCallers
from hyok.metrics.registry import MetricsRegistry
from hyok.metrics.report import ProcessReport
from hyok.proxy.fleet import Fleet
from hyok.proxy.health import HealthMonitor
from hyok.proxy.operations.get_health_status import ProxyIdentity
from hyok.proxy.pipeline import ProxyService
from hyok.proxy.probes import ProbeService
from hyok.proxy.reporting import Reporter
from hyok.proxy.stored_keystores import StoredKeyStores
from hyok.proxy.usage import CredentialUsage
from hyok.secret import Secret
from hyok.storage.changes import Change, current_position
from hyok.storage.engine import Storage, open_storage
from hyok.storage.follower import ChangeFollower
from hyok.storage.schema import Side
from hyok.transport.limits import Limits
from hyok.transport.pem import PemSource
from hyok.transport.reloading import CheckedTls, ReplaceableTls, check_tls
from hyok.transport.serving import Drain, Endpoint, run, serve
from hyok.transport.sockets import Address
from hyok.transport.tls import (
    ClientCertificates,
    KeyPair,
    TlsSetup,
    client_context,
    refuse_other_suites,
    server_context,
)

STALE_AFTER_SECONDS: Final = 15.0
"""How long a proxy that cannot read the change log goes on to use keys that may have been withdrawn meanwhile."""

LINGER_SECONDS: Final = 1.0
"""How long a worker that stops leaves each connection for one more request. KMS keeps connections it seldom uses."""

_log = logging.getLogger("hyok")


# 1. What lies at rest: a storage, its root key, and the safe that the root key opens.


def open_root_key(source: SecretReference) -> RootKey:
    """Open the root key that a reference names. OperatorError if it is missing or none."""
    if source.scheme is ReferenceScheme.FILE:
        return open_file_root(Path(source.target))
    secret = resolve_secret(source, os.environ)
    return LocalRootKey(parse_root_key(secret.reveal(), location=str(source)))


def unlock_side(storage: StorageSettings, root_key: RootKeySettings, side: Side) -> SafeKey:
    """Return what opens one side's safe, for heirs that open the storage themselves; nothing stays open."""
    root = open_root_key(root_key.source)
    with closing(open_storage(str(storage.url), side)) as opened:
        return unlock_safe(opened, root)


@contextmanager
def open_side(storage: StorageSettings, root_key: RootKeySettings, side: Side) -> Iterator[tuple[Storage, Safe]]:
    """Open one side's storage and safe for the length of the block."""
    # The root key first: without one, no storage is created or migrated.
    root = open_root_key(root_key.source)
    with closing(open_storage(str(storage.url), side)) as opened:
        yield opened, open_safe(opened, root)


# 2. The holder's side: what commands change and the proxy serves.


class Holder(NamedTuple):
    """The customer's side, opened."""

    storage: Storage
    safe: Safe
    clock: Clock
    pkcs11_modules: Modules
    key_administrators: Mapping[str, KeyAdministrator]
    """By the key manager's name in the configuration; those that can be administered."""


@contextmanager
def open_holder(configuration: Configuration) -> Iterator[Holder]:
    """Open the holder's storage and safe for the length of the block."""
    settings = configuration.require_holder()
    with open_side(settings.storage, settings.root_key, Side.HOLDER) as (storage, safe):
        yield _holder(settings, storage, safe)


@contextmanager
def inherit_holder(configuration: Configuration, key: SafeKey) -> Iterator[Holder]:
    """Open the holder's storage, and its safe with a key that was handed over; the root key is not touched."""
    settings = configuration.require_holder()
    with closing(open_storage(str(settings.storage.url), Side.HOLDER)) as storage:
        yield _holder(settings, storage, inherit_safe(storage, key))


def _holder(settings: HolderSettings, storage: Storage, safe: Safe) -> Holder:
    clock = SystemClock()
    modules = Modules()
    administrators: dict[str, KeyAdministrator] = {}
    for name, manager in settings.key_managers.items():
        match manager:
            case EmbeddedKeyManagerSettings():
                administrators[name] = EmbeddedKeyAdministrator(storage, safe, clock)
            case Pkcs11KeyManagerSettings():
                administrators[name] = Pkcs11KeyAdministrator(partial(pkcs11_setup, name, manager, modules), clock)
            case TransitKeyManagerSettings():
                administrators[name] = TransitKeyAdministrator(partial(transit_setup, manager))
            case KmipKeyManagerSettings():
                administrators[name] = KmipKeyAdministrator(partial(kmip_setup, manager))
    return Holder(storage, safe, clock, modules, administrators)


class HolderState(NamedTuple):
    """What a proxy keeps in memory of the holder's storage, and how it follows the changes there."""

    key_stores: StoredKeyStores
    key_managers: Mapping[str, KeyManager]
    follower: ChangeFollower


def load_holder_state(holder: Holder, settings: HolderSettings, *, workers: int = 1) -> HolderState:
    """Read key stores and keys into memory. Blocking, for the start. `workers` processes share each quota."""
    with holder.storage.reading() as connection:
        # Asked first: what changes while the rest is read is then applied once more, which does no harm.
        position = current_position(connection)
    key_stores = StoredKeyStores(holder.storage, holder.safe, workers=workers)
    followers = [key_stores.apply]
    managers: dict[str, KeyManager] = {}
    for name, manager in settings.key_managers.items():
        match manager:
            case EmbeddedKeyManagerSettings():
                managers[name] = embedded = EmbeddedKeyManager(holder.storage, holder.safe)
                followers.append(embedded.apply)
            case Pkcs11KeyManagerSettings():
                managers[name] = hsm = Pkcs11KeyManager(pkcs11_setup(name, manager, holder.pkcs11_modules))
                hsm.connect()
            case TransitKeyManagerSettings():
                managers[name] = TransitKeyManager(transit_setup(manager))
            case KmipKeyManagerSettings():
                managers[name] = KmipKeyManager(kmip_setup(manager))
    follower = ChangeFollower(
        holder.storage, _in_turn(followers), position=position, stale_after_seconds=STALE_AFTER_SECONDS
    )
    return HolderState(key_stores, managers, follower)


def _in_turn(
    followers: Sequence[Callable[[Sequence[Change]], Awaitable[None]]],
) -> Callable[[Sequence[Change]], Awaitable[None]]:
    async def apply(changes: Sequence[Change]) -> None:
        for follower in followers:
            await follower(changes)

    return apply


def try_key_manager(settings: KeyManagerSettings) -> tuple[str, ...]:
    """Try to reach a key manager; what does not work, in sentences. OperatorError if a certificate does not serve."""
    match settings:
        case EmbeddedKeyManagerSettings():
            return ()  # its keys are in the storage
        case Pkcs11KeyManagerSettings():
            return Pkcs11KeyAdministrator(partial(pkcs11_setup, "", settings, Modules()), SystemClock()).find_faults()
        case TransitKeyManagerSettings():
            return TransitKeyAdministrator(partial(transit_setup, settings)).find_faults()
        case KmipKeyManagerSettings():
            return KmipKeyAdministrator(partial(kmip_setup, settings)).find_faults()


def key_manager_policy(settings: KeyManagerSettings, key_ids: Iterable[str]) -> str:
    """Return the policy with which a key manager lets hyok use these keys and no more; empty if it knows none."""
    match settings:
        case EmbeddedKeyManagerSettings() | Pkcs11KeyManagerSettings():
            return ""
        case TransitKeyManagerSettings():
            names = {*key_ids, settings.health_key or ""}
            return least_privilege_policy(settings.mount, filter(is_key_name, names))
        case KmipKeyManagerSettings():
            return ""  # KMIP leaves it to each server how permissions are given


def pkcs11_setup(name: str, settings: Pkcs11KeyManagerSettings, modules: Modules) -> Pkcs11Setup:
    """Load the maker's library and tell which token and how. OperatorError if that cannot be done."""
    return Pkcs11Setup(
        name=name,
        module=modules.open(settings.module),
        access=TokenAccess(
            token=_token_name(name, settings.token),
            pin=None if settings.pin is None else resolve_secret(settings.pin, os.environ),
            dialect=choose_dialect(
                settings.preset, iv=settings.iv, iv_bytes=settings.iv_bytes, iv_bits=settings.iv_bits
            ),
        ),
        sessions=settings.sessions,
        queue_length=settings.queue_length,
    )


def _token_name(manager: str, settings: TokenNameSettings) -> TokenName:
    given = [
        TokenName(kind, str(value))
        for kind, value in (
            (TokenNameKind.LABEL, settings.label),
            (TokenNameKind.SERIAL, settings.serial),
            (TokenNameKind.SLOT, settings.slot),
        )
        if value is not None
    ]
    if len(given) != 1:
        raise OperatorError(
            f"key_managers.{manager}.token: {len(given)} of label, serial and slot are given; exactly one names it"
        )
    return given[0]


def transit_setup(settings: TransitKeyManagerSettings) -> TransitSetup:
    """Tell where OpenBao or Vault is and how to get in. OperatorError if a certificate does not serve."""
    authorities = None if settings.authorities is None else _pem(settings.authorities)
    tls = client_context(authorities, _optional_key_pair(settings.client_certificate, settings.client_private_key))
    return TransitSetup(
        servers=settings.servers,
        mount=settings.mount,
        login=_transit_login(settings),
        tls=_warn_of(tls),
        namespace=settings.namespace or "",
        health_key=settings.health_key or "",
    )


def _transit_login(settings: TransitKeyManagerSettings) -> Login:
    match settings.login:
        case TokenLoginSettings() as login:
            return TokenLogin(_source(login.token))
        case AppRoleLoginSettings() as login:
            return AppRoleLogin(login.mount, login.role_id, _source(login.secret_id))
        case KubernetesLoginSettings() as login:
            return KubernetesLogin(login.mount, login.role, _source(login.service_account_token))
        case CertificateLoginSettings() as login:
            return CertificateLogin(login.mount, login.role or "")


def kmip_setup(settings: KmipKeyManagerSettings) -> KmipSetup:
    """Tell where a KMIP server is and how to talk to it. OperatorError if a certificate does not serve."""
    authorities = None if settings.authorities is None else _pem(settings.authorities)
    key_pair = _key_pair(settings.client_certificate, settings.client_private_key)
    return KmipSetup(
        _address(settings.address),
        settings.server_name or settings.address.host,
        _warn_of(client_context(authorities, key_pair, application_protocol=None)),
        versions=[version for text in settings.versions for version in SPOKEN_VERSIONS if str(version) == text],
        iv_source=IvSource(settings.iv),
        health_key=settings.health_key,
        connections=settings.connections,
    )


# 3. The proxy.


class Proxy(NamedTuple):
    """The proxy, opened."""

    service: ProxyService
    reporter: Reporter


@asynccontextmanager
async def run_proxy_service(holder: Holder, state: HolderState, *, audit: Path, instance: str) -> AsyncIterator[Proxy]:
    """Make the proxy's service, with what it does in the background, for the length of the block.

    `instance` tells this proxy, with all its workers, from others that serve from the same storage.
    """
    health = HealthMonitor(state.key_managers)
    log = open_audit_log(audit, service="proxy", now=holder.clock.now())
    metrics = MetricsRegistry()
    usage = CredentialUsage(holder.storage)
    fleet = Fleet(holder.storage, holder.clock, instance=instance)
    service = ProxyService(
        identity=ProxyIdentity(version("hyok"), fleet.size),
        key_stores=state.key_stores.directory,
        key_managers=state.key_managers,
        health=health,
        audit=log,
        metrics=metrics,
        clock=holder.clock,
        is_stale=state.follower.is_stale,
        note_use=usage.note,
    )
    reporter = Reporter(
        metrics=metrics,
        key_stores=state.key_stores.directory,
        health=health,
        audit=log,
        change_log_age_seconds=state.follower.age_seconds,
        fleet_size=fleet.size,
    )
    try:
        async with _background(
            state.follower.follow(), health.keep_fresh(), usage.keep_flushing(), fleet.keep_beating()
        ):
            yield Proxy(service, reporter)
    finally:
        await usage.flush()
        log.close()
        for manager in state.key_managers.values():
            await manager.aclose()


def check_proxy_tls(settings: ProxySettings) -> CheckedTls:
    """Read what the proxy shows and whom it lets in. OperatorError if a certificate or key does not serve."""
    clients = settings.client_certificates
    return check_tls(
        _key_pair(settings.certificate, settings.private_key),
        None if clients is None else ClientCertificates(_pem(clients.authorities), frozenset(clients.subjects)),
    )


def proxy_tls_references(settings: ProxySettings) -> tuple[SecretReference, ...]:
    """Return where that is read from."""
    clients = settings.client_certificates
    return (settings.certificate, settings.private_key, *(() if clients is None else (clients.authorities,)))


def proxy_addresses(settings: ProxySettings) -> Mapping[str, Address]:
    """Return where the proxy listens, by the endpoint's name."""
    addresses = {"proxy": _address(settings.listen)}
    if settings.health_listen is not None:
        addresses["health"] = _address(settings.health_listen)
    return addresses


def proxy_limits(settings: ProxySettings) -> Limits:
    """Return how much of a client a worker of the proxy bears."""
    return Limits(**msgspec.structs.asdict(settings.limits))


class Inheritance(NamedTuple):
    """What a worker gets from its parent: with these it needs no root key, no private key's file and no port."""

    safe_key: SafeKey
    tls: CheckedTls
    listeners: Mapping[str, Sequence[socket.socket]]
    """By the name in `proxy_addresses`; they are closed at the end."""
    instance: str
    """The parent's name among the proxies of one storage."""


class ProxyWorker(NamedTuple):
    """A worker that serves, as its program sees it."""

    replace_tls: Callable[[CheckedTls], None]
    report: Callable[[], ProcessReport]


@asynccontextmanager
async def run_proxy_worker(configuration: Configuration, inheritance: Inheritance) -> AsyncIterator[ProxyWorker]:
    """Serve the proxy for the length of the block. OperatorError if it cannot."""
    settings = configuration.require_proxy()
    tls = ReplaceableTls(inheritance.tls.setup())
    if settings.tls_suites == "strict":
        refuse_other_suites(tls.setup.context)
    with inherit_holder(configuration, inheritance.safe_key) as holder:
        state = load_holder_state(holder, configuration.require_holder(), workers=settings.workers)
        audit, instance = configuration.audit.directory, inheritance.instance
        async with run_proxy_service(holder, state, audit=audit, instance=instance) as proxy:
            addresses, limits = proxy_addresses(settings), proxy_limits(settings)
            endpoints = [Endpoint("proxy", addresses["proxy"], proxy.service, tls.context, limits)]
            if (health := addresses.get("health")) is not None:
                endpoints.append(Endpoint("health", health, ProbeService(proxy.service.probes), None, limits))
            async with serve(endpoints, listeners=inheritance.listeners, drain=Drain(LINGER_SECONDS)):
                yield ProxyWorker(lambda new: tls.replace(new.setup()), proxy.reporter.report)


# 4. The KMS service, which shares nothing with the holder's side.


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
    authorities = None if settings.xks_authorities is None else _pem(settings.xks_authorities)
    tls = client_context(authorities, _optional_key_pair(settings.client_certificate, settings.client_private_key))
    return ProxyEndpoints(
        _warn_of(tls), endpoint_map={host: _address(address) for host, address in settings.endpoint_map.items()}
    )


@asynccontextmanager
async def run_kms_service(
    settings: KmsSettings,
    *,
    schedule_clock: Clock,
    times: LifecycleTimes,
    wrap_external_keys: Callable[[ExternalKeySide], ExternalKeySide] = lambda external_keys: external_keys,
) -> AsyncIterator[Kms]:
    """Make the KMS service, with what it does in the background, for the length of the block.

    `wrap_external_keys` lets `hyok dev` time the way to the proxy.
    """
    clock = SystemClock()
    with open_kms_storage(settings) as (storage, safe):
        with storage.reading() as connection:
            # Asked first: what changes while the rest is read is then applied once more, which does no harm.
            position = current_position(connection)
        space = open_key_space(storage, safe, clock)
        principals = StoredPrincipals(storage, safe)
        follower = ChangeFollower(storage, principals.apply, position=position, stale_after_seconds=STALE_AFTER_SECONDS)
        stores = CustomKeyStoreDirectory()
        connections = ProxyConnections(kms_endpoints(settings), clock)
        lifecycle = StoreLifecycle(
            directory=stores,
            repository=CustomKeyStoreRepository(storage, safe, clock),
            connections=connections,
            has_keys=lambda store_id: bool(space.keys.of_store(store_id)),
            times=times,
        )
        families = operation_families(
            space,
            stores=stores,
            external_keys=wrap_external_keys(ExternalKeys(connections)),
            clock=clock,
            schedule_clock=schedule_clock,
        )
        store_operations = CustomKeyStoreOperations(
            directory=stores, lifecycle=lifecycle, connections=connections, clock=clock
        )
        service = KmsService(
            model=load_service_model(),
            families=(*families, store_operations),
            identification=_identification(settings, principals, follower, clock),
            authorization=space.authorization,
        )
        schedule = KeySchedule(space.keys, schedule_clock)
        await lifecycle.start()
        try:
            async with _background(schedule.run(), follower.follow()):
                yield Kms(service, space, schedule, lifecycle)
        finally:
            await lifecycle.aclose()


def kms_tls(settings: KmsSettings) -> TlsSetup | None:
    """Make the TLS context the KMS service serves with; None if it is to speak plain HTTP."""
    key_pair = _optional_key_pair(settings.certificate, settings.private_key)
    return None if key_pair is None else server_context(key_pair)


def serve_kms(configuration: Configuration) -> None:
    """Run the KMS service until SIGTERM or SIGINT. OperatorError if it cannot start."""
    settings = configuration.require_kms()
    tls = kms_tls(settings)
    run(_serve_kms(settings, None if tls is None else _warn_of(tls)))


async def _serve_kms(settings: KmsSettings, tls: TlsSetup | None) -> None:
    async with run_kms_service(settings, schedule_clock=SystemClock(), times=LifecycleTimes()) as kms:
        context = None if tls is None else tls.context
        await _serve_until_stopped(Endpoint("kms", _address(settings.listen), kms.service, context))


# 5. What both services share.


async def _serve_until_stopped(endpoint: Endpoint) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with serve([endpoint]) as running:
        # After the bind: a signal that comes earlier ends a start that has not happened yet.
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        _log.info("%s serves on %s", endpoint.name, running.address(endpoint.name))
        await stopped.wait()
        _log.info("%s stops: it answers what has come, then closes", endpoint.name)


@asynccontextmanager
async def _background(*work: Coroutine[object, None, None]) -> AsyncIterator[None]:
    """Run what never ends by itself for the length of the block; a failure of it ends the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


def _address(address: values.Address) -> Address:
    return Address(address.host, address.port)


def _source(reference: SecretReference) -> Callable[[], Secret]:
    return lambda: resolve_secret(reference, os.environ)


def _pem(reference: SecretReference) -> PemSource:
    return PemSource(str(reference), resolve_secret(reference, os.environ))


def _key_pair(certificate: SecretReference, private_key: SecretReference) -> KeyPair:
    return KeyPair(_pem(certificate), _pem(private_key))


def _optional_key_pair(certificate: SecretReference | None, private_key: SecretReference | None) -> KeyPair | None:
    if certificate is None or private_key is None:
        return None
    return _key_pair(certificate, private_key)


def _warn_of(tls: TlsSetup) -> TlsSetup:
    for warning in tls.warnings:
        _log.warning("%s", warning)
    if tls.expires_at is not None:
        _log.info("the certificate expires in %.0f days", (tls.expires_at - time.time()) / 86400)
    return tls
