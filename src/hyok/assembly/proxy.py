"""The proxy."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Final, NamedTuple

import msgspec

from hyok.assembly.audit import copy_administrative_records, open_service_log
from hyok.assembly.authorization import open_authorization
from hyok.assembly.holder import Holder, HolderState, inherit_holder, load_holder_state
from hyok.assembly.material import key_pair, pem, socket_address
from hyok.assembly.running import background, loading
from hyok.config.configuration import Configuration
from hyok.config.references import SecretReference
from hyok.config.settings import AuditSettings, ProxySettings
from hyok.custody.safe import SafeKey
from hyok.errors import HyokError
from hyok.metrics.registry import MetricsRegistry
from hyok.metrics.report import ProcessReport
from hyok.proxy.fleet import Fleet, this_server
from hyok.proxy.health import HealthMonitor
from hyok.proxy.operations.get_health_status import ProxyIdentity
from hyok.proxy.pipeline import ProxyService
from hyok.proxy.probes import ProbeService
from hyok.proxy.reporting import Reporter
from hyok.proxy.usage import CredentialUsage
from hyok.transport.limits import ConnectionLimit, Limits, TimeBudget
from hyok.transport.reloading import CheckedTls, ReplaceableTls, check_tls
from hyok.transport.serving import Drain, Endpoint, serve
from hyok.transport.sockets import Address
from hyok.transport.tls import ClientCertificates, refuse_other_suites

_log = logging.getLogger(__name__)

LINGER_SECONDS: Final = 1.0
"""How long a worker that stops leaves each connection for one more request. KMS keeps connections it seldom uses."""


class Proxy(NamedTuple):
    """The proxy, opened."""

    service: ProxyService
    reporter: Reporter
    metrics: MetricsRegistry


@asynccontextmanager
async def run_proxy_service(
    holder: Holder, state: HolderState, *, audit: AuditSettings, instance: str
) -> AsyncIterator[Proxy]:
    """Make the proxy's service, with what it does in the background, for the length of the block.

    `instance` tells this proxy, with all its workers, from others that serve from the same storage.
    """
    health = HealthMonitor(state.key_managers)
    log = open_service_log(audit, holder, service="proxy")
    metrics = MetricsRegistry()
    usage = CredentialUsage(holder.storage)
    follower = state.follower
    fleet = Fleet(
        holder.storage,
        holder.clock,
        server=this_server(instance),
        position=follower.position,
        stale_after_seconds=follower.stale_after_seconds,
    )
    follower.on_applied = fleet.acknowledge
    authorization, watch = open_authorization(state.authorization, holder.storage, holder.clock, workers=state.workers)

    def is_stale() -> bool:
        return follower.is_stale() or fleet.is_lost()

    service = ProxyService(
        identity=ProxyIdentity(version("hyok"), fleet.size),
        key_stores=state.key_stores.directory,
        key_managers=state.key_managers,
        health=health,
        audit=log,
        metrics=metrics,
        clock=holder.clock,
        freezes=state.freezes,
        is_stale=is_stale,
        note_use=usage.note,
        authorization=authorization,
    )
    reporter = Reporter(
        metrics=metrics,
        key_stores=state.key_stores.directory,
        key_managers=state.key_managers,
        health=health,
        audit=log,
        change_log_age_seconds=follower.age_seconds,
        fleet_size=fleet.size,
        encryption_shares=state.encryption_shares,
    )
    try:
        # The lease first: what is frozen from here on waits for this server; what was frozen before is read next.
        await fleet.beat()
        await follower.catch_up()
        await asyncio.to_thread(_heal_trail, audit, holder)
        async with background(
            follower.follow(),
            health.keep_fresh(),
            usage.keep_flushing(),
            fleet.keep_beating(),
            *(() if watch is None else (watch.keep_flushing(),)),
            *(upkeep() for upkeep in state.upkeep),
        ):
            yield Proxy(service, reporter, metrics)
    finally:
        await usage.flush()
        if watch is not None:
            await watch.flush()
        await fleet.leave()
        log.close()
        await authorization.aclose()
        for manager in state.key_managers.values():
            await manager.aclose()


def _heal_trail(audit: AuditSettings, holder: Holder) -> None:
    # What a command recorded in the storage, but ended before it could copy.
    try:
        copy_administrative_records(audit, holder)
    except HyokError as error:
        _log.warning("administrative records are not copied into the audit trail: %s", error)


def check_proxy_tls(settings: ProxySettings) -> CheckedTls:
    """Read what the proxy shows and whom it lets in. OperatorError if a certificate or key does not serve."""
    clients = settings.client_certificates
    return check_tls(
        key_pair(settings.certificate, settings.private_key),
        None if clients is None else ClientCertificates(pem(clients.authorities), frozenset(clients.subjects)),
    )


def proxy_tls_references(settings: ProxySettings) -> tuple[SecretReference, ...]:
    """Return where that is read from."""
    clients = settings.client_certificates
    return (settings.certificate, settings.private_key, *(() if clients is None else (clients.authorities,)))


def proxy_addresses(settings: ProxySettings) -> Mapping[str, Address]:
    """Return where the proxy listens, by the endpoint's name."""
    addresses = {"proxy": socket_address(settings.listen)}
    if settings.health_listen is not None:
        addresses["health"] = socket_address(settings.health_listen)
    return addresses


def proxy_limits(settings: ProxySettings) -> Limits:
    """Return how much of a client a worker of the proxy bears."""
    return Limits(**msgspec.structs.asdict(settings.limits))


def proxy_endpoints(
    settings: ProxySettings, service: ProxyService, tls: ReplaceableTls, metrics: MetricsRegistry
) -> Sequence[Endpoint]:
    """Return what a worker serves: the API, and its probes where they have a listener of their own."""
    addresses, limits = proxy_addresses(settings), proxy_limits(settings)
    budget = TimeBudget(**msgspec.structs.asdict(settings.deadline))
    endpoints = [Endpoint("proxy", addresses["proxy"], service, tls.context, limits, budget)]
    if (health := addresses.get("health")) is not None:
        endpoints.append(Endpoint("health", health, ProbeService(service.probes), None, limits))
    return [each._replace(note_refused=partial(_count_refused, metrics, each.name)) for each in endpoints]


def _count_refused(metrics: MetricsRegistry, listener: str, limit: ConnectionLimit) -> None:
    metrics.count_refused_connection(listener=listener, reason=limit.value)


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
        with loading():
            state = load_holder_state(holder, configuration.require_holder(), workers=settings.workers)
        audit, instance = configuration.audit, inheritance.instance
        async with run_proxy_service(holder, state, audit=audit, instance=instance) as proxy:
            endpoints = proxy_endpoints(settings, proxy.service, tls, proxy.metrics)
            async with serve(endpoints, listeners=inheritance.listeners, drain=Drain(LINGER_SECONDS)) as running:
                yield ProxyWorker(
                    lambda new: tls.replace(new.setup()), lambda: proxy.reporter.report(running.open_connections())
                )
