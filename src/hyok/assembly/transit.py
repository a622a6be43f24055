"""OpenBao and Vault, from their settings."""

from __future__ import annotations

from hyok.assembly.material import optional_key_pair, pem, secret_source, warn_of
from hyok.config.settings import (
    AppRoleLoginSettings,
    CertificateLoginSettings,
    KubernetesLoginSettings,
    TokenLoginSettings,
    TransitKeyManagerSettings,
)
from hyok.keymanagers.transit.setup import (
    AppRoleLogin,
    CertificateLogin,
    KubernetesLogin,
    Login,
    TokenLogin,
    TransitSetup,
)
from hyok.transport.tls import client_context


def transit_setup(settings: TransitKeyManagerSettings) -> TransitSetup:
    """Tell where OpenBao or Vault is and how to get in. OperatorError if a certificate does not serve."""
    authorities = None if settings.authorities is None else pem(settings.authorities)
    tls = client_context(authorities, optional_key_pair(settings.client_certificate, settings.client_private_key))
    return TransitSetup(
        servers=settings.servers,
        mount=settings.mount,
        login=_transit_login(settings),
        tls=warn_of(tls),
        namespace=settings.namespace or "",
        health_key=settings.health_key or "",
    )


def _transit_login(settings: TransitKeyManagerSettings) -> Login:
    match settings.login:
        case TokenLoginSettings() as login:
            return TokenLogin(secret_source(login.token))
        case AppRoleLoginSettings() as login:
            return AppRoleLogin(login.mount, login.role_id, secret_source(login.secret_id))
        case KubernetesLoginSettings() as login:
            return KubernetesLogin(login.mount, login.role, secret_source(login.service_account_token))
        case CertificateLoginSettings() as login:
            return CertificateLogin(login.mount, login.role or "")
