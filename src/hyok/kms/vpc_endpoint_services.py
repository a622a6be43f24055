"""Amazon VPC endpoint services as this KMS sees them: told by the configuration, judged as AWS KMS judges them.

There is no VPC here. What an operator of AWS would set up there (the service, its load balancer, its private DNS name,
who may use it) is described in `[[kms.vpc_endpoint_services]]`, so that each mistake that AWS KMS refuses can be made.

Sources: the service model's XksProxyVpcEndpointService… exceptions and ConnectionErrorCode; AWS KMS Developer Guide,
"Configuring VPC endpoint service connectivity". AWS documents the codes; the texts of what is wrong with a
configuration are ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from hyok.errors import HyokError
from hyok.kms.custom_key_stores import CustomKeyStore
from hyok.kms.external_failures import CONSEQUENCES, ExternalFailure
from hyok.transport.sockets import Address

_ZONES_NEEDED = 2


class PrivateDnsState(Enum):
    """How far the owner's proof goes that a private DNS name is his. The values are Amazon EC2's."""

    VERIFIED = "verified"
    PENDING = "pendingVerification"
    FAILED = "failed"


class LoadBalancer(Enum):
    """What stands before the proxy. The values are Elastic Load Balancing's."""

    NETWORK = "network"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointService:
    """A VPC endpoint service."""

    name: str
    """`com.amazonaws.vpce.REGION.vpce-svc-ID`: it is in that Region."""
    owner: str
    """The AWS account it belongs to: 12 digits."""
    allowed_principals: tuple[str, ...] | None
    """Who may use it, `*` being everybody; None: the service principal of KMS in its Region."""
    is_acceptance_required: bool
    load_balancer: LoadBalancer
    availability_zones: int
    """In how many of them the load balancer has a subnet."""
    private_dns_name: str | None
    private_dns_state: PrivateDnsState
    address: Address
    """Where the proxy behind it really is."""

    @property
    def region(self) -> str:
        """The Region it is in."""
        return self.name.split(".")[3]


class EndpointServiceUnfit(HyokError):  # noqa: N818  # named for what it is, like the errors of the XKS client
    """There is no way to a proxy through its VPC endpoint service. The text is for KMS's caller."""

    def __init__(self, failure: ExternalFailure, text: str) -> None:
        super().__init__(text)
        self.failure = failure


class EndpointServices:
    """The VPC endpoint services there are, in all Regions."""

    def __init__(self, services: Iterable[EndpointService] = ()) -> None:
        self._services = {service.name: service for service in services}

    def locate(self, store: CustomKeyStore) -> Address:
        """Return where the proxy of a store of VPC_ENDPOINT_SERVICE connectivity is. EndpointServiceUnfit.

        In this order: is there such a service, for this owner, in this Region, for KMS; and is it set up as KMS needs.
        """
        service = self._find(store)
        fault = _fault_of(service, store)
        if fault is not None:
            raise EndpointServiceUnfit(ExternalFailure.VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION, fault)
        return service.address

    def _find(self, store: CustomKeyStore) -> EndpointService:
        wanted = store.vpc_endpoint_service
        service = self._services.get(wanted.name) if wanted is not None else None
        if (
            wanted is None
            or service is None
            or service.owner != wanted.owner
            or service.region != store.region
            or not _allows_kms(service)
        ):
            # One text for all of these, as AWS has it: whoever may not use a service learns nothing about it.
            failure = ExternalFailure.VPC_ENDPOINT_SERVICE_NOT_FOUND
            raise EndpointServiceUnfit(failure, CONSEQUENCES[failure].message)
        return service


def kms_service_principal(region: str) -> str:
    """Return who KMS is, to a VPC endpoint service and in its client certificate."""
    return f"cks.kms.{region}.amazonaws.com"


def _allows_kms(service: EndpointService) -> bool:
    allowed = service.allowed_principals
    return allowed is None or "*" in allowed or kms_service_principal(service.region) in allowed


def _fault_of(service: EndpointService, store: CustomKeyStore) -> str | None:
    if service.load_balancer is not LoadBalancer.NETWORK:
        return (
            f"The VPC endpoint service {service.name} must have a Network Load Balancer. It has a Gateway Load "
            "Balancer."
        )
    if service.availability_zones < _ZONES_NEEDED:
        return (
            f"The Network Load Balancer of the VPC endpoint service {service.name} must have subnets in at least "
            f"{_ZONES_NEEDED} Availability Zones. It has them in {service.availability_zones}."
        )
    if service.is_acceptance_required:
        return (
            f"The VPC endpoint service {service.name} must not require acceptance of connection requests. Acceptance "
            "is required."
        )
    if service.private_dns_name is None:
        return f"The VPC endpoint service {service.name} must have a private DNS name. It has none."
    if service.private_dns_state is not PrivateDnsState.VERIFIED:
        return (
            f"The private DNS name of the VPC endpoint service {service.name} must be verified. Its state is "
            f"{service.private_dns_state.value}."
        )
    if service.private_dns_name.lower() != store.host.lower():
        return (
            f"The XksProxyUriEndpoint must be https:// and the private DNS name of the VPC endpoint service "
            f"{service.name}, which is {service.private_dns_name}. It is {store.uri_endpoint}."
        )
    return None
