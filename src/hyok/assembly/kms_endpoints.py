"""What the KMS service shows to its callers, and where and how it finds proxies."""

from __future__ import annotations

from hyok.assembly.material import optional_key_pair, pem, socket_address, warn_of
from hyok.config.settings import KmsSettings, VpcEndpointServiceSettings
from hyok.kms.endpoints import ProxyEndpoints
from hyok.kms.vpc_endpoint_services import EndpointService, EndpointServices, LoadBalancer, PrivateDnsState
from hyok.transport.tls import TlsSetup, client_context, server_context


def kms_tls(settings: KmsSettings) -> TlsSetup | None:
    """Make the TLS context the KMS service serves with; None if it is to speak plain HTTP."""
    key_pair = optional_key_pair(settings.certificate, settings.private_key)
    return None if key_pair is None else server_context(key_pair)


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
