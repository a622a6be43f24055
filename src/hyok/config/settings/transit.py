"""`[key_managers.NAME]` of the kind `transit`, and the ways to log in there."""

from __future__ import annotations

from typing import Annotated

import msgspec

from hyok.config.references import ReferenceScheme, SecretReference
from hyok.config.settings.base import About, ServerUrl, Settings

_MOUNT = "a path without surrounding slashes"
MountPath = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*\Z", max_length=256), About("", "", _MOUNT)
]
TransitKeyName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,253}[A-Za-z0-9_])?\Z")]
LoginRole = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class TokenLoginSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="token"):
    """With a token that somebody else gets, an agent for example. It is renewed if it can be, else read again."""

    token: Annotated[SecretReference, About("Where the token is.", '"file:/run/openbao/token"')]


class AppRoleLoginSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="approle"):
    """With a role id and a secret id."""

    mount: Annotated[MountPath, About("Where the login method is mounted.", '"approle"', _MOUNT)] = "approle"
    role_id: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=256),
        About("The role's id.", '"b350c9ad-979c-7104-13fe-b68a1164997c"', "a text in quotes"),
    ]
    secret_id: Annotated[SecretReference, About("Where its secret id is.", '"file:/run/secrets/openbao-secret-id"')]


class KubernetesLoginSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="kubernetes"):
    """With the service account of the pod."""

    mount: Annotated[MountPath, About("Where the login method is mounted.", '"kubernetes"', _MOUNT)] = "kubernetes"
    role: Annotated[
        str, msgspec.Meta(min_length=1, max_length=256), About("The role to log in to.", '"hyok"', "a text in quotes")
    ]
    service_account_token: Annotated[
        SecretReference,
        About(
            "Where the service account's token is.",
            '"file:/var/run/secrets/kubernetes.io/serviceaccount/token"',
        ),
    ] = SecretReference(ReferenceScheme.FILE, "/var/run/secrets/kubernetes.io/serviceaccount/token")


class CertificateLoginSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="certificate"):
    """With the client certificate of the TLS connection."""

    mount: Annotated[MountPath, About("Where the login method is mounted.", '"cert"', _MOUNT)] = "cert"
    role: Annotated[
        LoginRole | None,
        About("The role to log in to; without it, whichever the certificate fits.", '"hyok"', "a text in quotes"),
    ] = None


class TransitKeyManagerSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="transit"):
    """Keys in the Transit secrets engine of OpenBao or Vault."""

    servers: Annotated[
        tuple[ServerUrl, ...],
        msgspec.Meta(min_length=1, max_length=10),
        About(
            "The instances of one cluster: the one that answered last is asked, else the next.",
            '["https://bao-1.example.com:8200", "https://bao-2.example.com:8200"]',
            "a list of one to ten https://HOST:PORT; http:// for an agent on this machine only",
        ),
    ]
    mount: Annotated[MountPath, About("Where the secrets engine is mounted.", '"transit"', _MOUNT)] = "transit"
    namespace: Annotated[
        MountPath | None, About("The namespace of the secrets engine and the login.", '"teams/payments"', _MOUNT)
    ] = None
    authorities: Annotated[
        SecretReference | None,
        About(
            "The CAs that sign the servers' certificates (PEM); without it, those the system trusts.",
            '"file:/etc/hyok/bao/ca.pem"',
        ),
    ] = None
    client_certificate: Annotated[
        SecretReference | None,
        About("What it shows to the servers (PEM).", '"file:/etc/hyok/bao/client.pem"'),
    ] = None
    client_private_key: Annotated[
        SecretReference | None, About("Its private key (PEM).", '"file:/etc/hyok/bao/client.key"')
    ] = None
    health_key: Annotated[
        TransitKeyName | None,
        About(
            "A key for health checks and nothing else; without one, only the servers' own word is known.",
            '"hyok-health"',
            "a key's name",
        ),
    ] = None
    login: TokenLoginSettings | AppRoleLoginSettings | KubernetesLoginSettings | CertificateLoginSettings
