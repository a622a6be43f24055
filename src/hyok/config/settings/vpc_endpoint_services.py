"""`[[kms.vpc_endpoint_services]]`: the endpoint services that this KMS is to see."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from hyok.config.settings.base import About, AccountId, HostName, Settings, SubjectName
from hyok.config.values import Address

EndpointServiceName = Annotated[
    str, msgspec.Meta(pattern=r"^(com|eu)\.amazonaws\.vpce\.([a-z]+-){2,3}[0-9]+\.vpce-svc-[0-9a-z]+\Z")
]


class VpcEndpointServiceSettings(Settings, frozen=True, kw_only=True):
    """A VPC endpoint service as this KMS is to see it: there is no VPC, only what AWS KMS would find out about one."""

    name: Annotated[
        EndpointServiceName,
        About(
            "Its name, as given to CreateCustomKeyStore.",
            '"com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0"',
            "com.amazonaws.vpce.REGION.vpce-svc-ID",
        ),
    ]
    address: Annotated[Address, About("Where the proxy behind it really is.", '"127.0.0.1:8443"')]
    private_dns_name: Annotated[
        HostName | None,
        About(
            "Its private DNS name, which is the host of the store's XksProxyUriEndpoint.",
            '"xks.internal.example.com"',
            "a host name in lower case",
        ),
    ] = None
    private_dns_state: Annotated[
        Literal["verified", "pendingVerification", "failed"],
        About(
            "Whether its owner has proved that the name is his; only `verified` will do.",
            '"pendingVerification"',
            '"verified", "pendingVerification" or "failed"',
        ),
    ] = "verified"
    owner: Annotated[
        AccountId | None,
        About(
            "The AWS account it belongs to; without it, that of `kms.account`.", '"111122223333"', "12 digits in quotes"
        ),
    ] = None
    allowed_principals: Annotated[
        tuple[SubjectName, ...] | None,
        About(
            "Who may use it, `*` being everybody; without it, KMS in its Region: cks.kms.REGION.amazonaws.com.",
            '["cks.kms.eu-central-1.amazonaws.com"]',
            "a list of names",
        ),
    ] = None
    acceptance_required: Annotated[
        bool, About("Whether its owner must accept each connection; then KMS does not use it.", "false")
    ] = False
    load_balancer: Annotated[
        Literal["network", "gateway"],
        About("What stands before the proxy; only `network` will do.", '"network"', '"network" or "gateway"'),
    ] = "network"
    availability_zones: Annotated[
        int,
        msgspec.Meta(ge=1, le=16),
        About(
            "In how many Availability Zones the load balancer is; KMS needs two.", "2", "a whole number from 1 to 16"
        ),
    ] = 2
