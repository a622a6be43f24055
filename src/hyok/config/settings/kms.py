"""`[kms]`: the KMS service, and its record of events."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from hyok.config.references import SecretReference
from hyok.config.settings.base import SECONDS, About, AccountId, HostName, Seconds, Settings
from hyok.config.settings.kms_quotas import KmsQuotaSettings
from hyok.config.settings.storage import RootKeySettings, StorageSettings
from hyok.config.settings.vpc_endpoint_services import VpcEndpointServiceSettings
from hyok.config.values import Address

RegionName = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,8}(-[a-z]{2,16}){1,3}-[0-9]{1,2}\Z")]
Signatures = Literal["verify", "any-credentials"]


class EventSettings(Settings, frozen=True, kw_only=True):
    """A record of every call, as AWS CloudTrail would make and deliver it. Without this section there is none."""

    directory: Annotated[
        Path, About("Where the files are delivered, below AWSLogs/ACCOUNT/CloudTrail.", '"/var/log/hyok-kms/events"')
    ]
    format: Annotated[
        Literal["gzip", "lines"],
        About(
            'What a file is. `gzip`: compressed `{"Records": […]}`, as CloudTrail delivers. `lines`: one event on each '
            "line, as text.",
            '"gzip"',
            '"gzip" or "lines"',
        ),
    ] = "gzip"
    deliver_seconds: Annotated[
        Seconds,
        About("How long a file is filled before it is delivered; some five minutes at AWS.", "60.0", SECONDS),
    ] = 60.0


class KmsSettings(Settings, frozen=True, kw_only=True):
    """The KMS service, on the other side of the trust line."""

    listen: Annotated[Address, About("Where it serves the AWS API.", '"127.0.0.1:4580"')] = Address("127.0.0.1", 4580)
    certificate: Annotated[
        SecretReference | None,
        About("Its certificate and chain (PEM); without one it speaks plain HTTP.", '"file:/etc/hyok/kms/server.pem"'),
    ] = None
    private_key: Annotated[
        SecretReference | None, About("Its private key (PEM).", '"file:/etc/hyok/kms/server.key"')
    ] = None
    signatures: Annotated[
        Signatures,
        About(
            "Whether callers prove who they are: verify lets in the principals that `hyok principal create` made; "
            "any-credentials believes what a caller says, on loopback only.",
            '"verify"',
            '"verify" or "any-credentials"',
        ),
    ] = "verify"
    account: Annotated[
        AccountId,
        About(
            "The AWS account of principals named without one, and of unverified callers whose access key id is not "
            "itself an account id.",
            '"123456789012"',
            "12 digits in quotes",
        ),
    ]
    region: Annotated[
        RegionName,
        About(
            "The Region it is in; a call whose signature names another is served there.",
            '"eu-central-1"',
            'a Region such as "eu-central-1"',
        ),
    ]
    xks_authorities: Annotated[
        SecretReference | None,
        About(
            "The CAs that sign proxies' certificates (PEM); without it, those the system trusts.",
            '"file:/etc/hyok/kms/xks-ca.pem"',
        ),
    ] = None
    client_certificate: Annotated[
        SecretReference | None,
        About("What it shows to proxies that ask for mutual TLS (PEM).", '"file:/etc/hyok/kms/client.pem"'),
    ] = None
    client_private_key: Annotated[
        SecretReference | None, About("Its private key (PEM).", '"file:/etc/hyok/kms/client.key"')
    ] = None
    connection_delay_seconds: Annotated[
        float,
        msgspec.Meta(ge=0.01, le=3600),
        About(
            "How long a custom key store is CONNECTING or DISCONNECTING: minutes at AWS, and never nothing, so that "
            "clients learn to wait.",
            "0.2",
            "a number from 0.01 to 3600",
        ),
    ] = 0.2
    health_check_seconds: Annotated[
        float,
        msgspec.Meta(ge=1, le=3600),
        About(
            "How often the proxy of a connected custom key store is asked for its health: every few minutes at AWS.",
            "60.0",
            "a number from 1 to 3600",
        ),
    ] = 60.0
    storage: StorageSettings
    root_key: RootKeySettings
    endpoint_map: Annotated[
        dict[HostName, Address],
        About("Where the host name of an XKS endpoint really is, as curl's --resolve.", '"127.0.0.1:8443"'),
    ] = {}
    vpc_endpoint_services: tuple[VpcEndpointServiceSettings, ...] = ()
    events: EventSettings | None = None
    quotas: KmsQuotaSettings = KmsQuotaSettings()
