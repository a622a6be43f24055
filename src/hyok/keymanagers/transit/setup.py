"""What a Transit key manager is made of, as assembly hands it over."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from hyok.secret import Secret
from hyok.transport.tls import TlsSetup

SecretSource = Callable[[], Secret]
"""Fetches a secret anew, because an agent or Kubernetes may have replaced it; blocks. Raises HyokError."""

_KEY_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253}[A-Za-z0-9_])?")
"""Transit's own rule, in ASCII. Nothing in it needs encoding in a path, and no path can be walked out of."""


class TokenLogin(NamedTuple):
    """A token that somebody else gets and renews, for example an agent; read again when it is refused or runs out."""

    token: SecretSource


class AppRoleLogin(NamedTuple):
    """A role id and a secret id."""

    mount: str
    role_id: str
    secret_id: SecretSource


class KubernetesLogin(NamedTuple):
    """The service account token of the pod."""

    mount: str
    role: str
    service_account_token: SecretSource


class CertificateLogin(NamedTuple):
    """The client certificate of the TLS connection."""

    mount: str
    role: str
    """Empty for whichever role the certificate fits."""


Login = TokenLogin | AppRoleLogin | KubernetesLogin | CertificateLogin


class TransitSetup(NamedTuple):
    """Where a Transit secrets engine is and how to get in."""

    servers: tuple[str, ...]
    """One to ten base URLs (`https://bao-1.example.com:8200`) of one cluster: instances that share keys and tokens."""
    mount: str
    """Where the secrets engine is mounted, without surrounding slashes."""
    login: Login
    tls: TlsSetup | None = None
    """None for plain HTTP to an agent on this machine."""
    namespace: str = ""
    health_key: str = ""
    """A key for health checks only. Empty if there is none: then only the servers' own word is known."""


def is_key_name(name: str) -> bool:
    """Tell whether Transit can have a key of this name."""
    return _KEY_NAME.fullmatch(name) is not None
