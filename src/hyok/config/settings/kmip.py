"""`[key_managers.NAME]` of the kind `kmip`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from hyok.config.references import SecretReference
from hyok.config.settings.base import About, HostName, Settings
from hyok.config.values import Address

KmipVersion = Literal["1.4", "2.0", "2.1"]
KmipKeyName = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9._-]{1,128}\Z")]


class KmipKeyManagerSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="kmip"):
    """Keys at a KMIP server, found there by name."""

    address: Annotated[Address, About("Where the server listens; 5696 is KMIP's port.", '"kmip.example.com:5696"')]
    server_name: Annotated[
        HostName | None,
        About(
            "What its certificate must say, if that is not the host of its address.",
            '"kmip.example.com"',
            "a host name in lower case",
        ),
    ] = None
    authorities: Annotated[
        SecretReference | None,
        About(
            "The CAs that sign the server's certificate (PEM); without it, those the system trusts.",
            '"file:/etc/hyok/kmip/ca.pem"',
        ),
    ] = None
    client_certificate: Annotated[
        SecretReference,
        About("What it shows to the server: who hyok is there (PEM).", '"file:/etc/hyok/kmip/client.pem"'),
    ]
    client_private_key: Annotated[SecretReference, About("Its private key (PEM).", '"file:/etc/hyok/kmip/client.key"')]
    versions: Annotated[
        tuple[KmipVersion, ...],
        msgspec.Meta(min_length=1),
        About(
            "The versions of KMIP to speak, the most wanted first: the first that the server knows is taken.",
            '["2.1", "2.0", "1.4"]',
            'a list of "2.1", "2.0" and "1.4"',
        ),
    ] = ("2.1", "2.0", "1.4")
    iv: Annotated[
        Literal["hyok", "server"],
        About(
            "Who makes the IVs. The server's are proved to differ before any is used.",
            '"server"',
            '"hyok" or "server"',
        ),
    ] = "hyok"
    health_key: Annotated[
        KmipKeyName,
        About(
            "A key for health checks and nothing else; made where it is missing and the server lets hyok make it.",
            '"hyok-health"',
            "1 to 128 of a-z A-Z 0-9 - . _",
        ),
    ] = "hyok-health"
    connections: Annotated[
        int,
        msgspec.Meta(ge=1, le=1024),
        About("At most so many to the server, from each worker.", "16", "a whole number from 1 to 1024"),
    ] = 16
