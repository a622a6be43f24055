"""Where the proxy listens, and what it shows there: TLS, addresses, limits, endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from hyok.assembly.material import key_pair, pem, socket_address
from hyok.config.references import SecretReference
from hyok.config.settings import ProxySettings
from hyok.metrics.registry import MetricsRegistry
from hyok.proxy.pipeline import ProxyService
from hyok.transport.limits import ConnectionLimit, Limits, TimeBudget
from hyok.transport.reloading import CheckedTls, ReplaceableTls, check_tls
from hyok.transport.serving import Endpoint
from hyok.transport.sockets import Address
from hyok.transport.tls import ClientCertificates


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
        endpoints.append(Endpoint("health", health, service.probes.service(), None, limits))
    return [each._replace(note_refused=partial(_count_refused, metrics, each.name)) for each in endpoints]


def _count_refused(metrics: MetricsRegistry, listener: str, limit: ConnectionLimit) -> None:
    metrics.count_refused_connection(listener=listener, reason=limit.value)
