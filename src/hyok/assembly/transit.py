"""OpenBao and Vault, from their settings."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from hyok.assembly.material import optional_key_pair, pem, secret_source, warn_of
from hyok.config.settings import (
    AppRoleLoginSettings,
    CertificateLoginSettings,
    KubernetesLoginSettings,
    TokenLoginSettings,
    TransitKeyManagerSettings,
)
from hyok.keymanagers.transit.administrator import TransitKeyAdministrator
from hyok.keymanagers.transit.manager import TransitKeyManager
from hyok.keymanagers.transit.policy import least_privilege_policy
from hyok.keymanagers.transit.setup import (
    AppRoleLogin,
    CertificateLogin,
    KubernetesLogin,
    Login,
    TokenLogin,
    TransitSetup,
    is_key_name,
)
from hyok.transport.tls import client_context


def open_transit(settings: TransitKeyManagerSettings) -> TransitKeyManager:
    """Make the key manager. OperatorError if a certificate does not serve."""
    return TransitKeyManager(_setup(settings))


def administer_transit(settings: TransitKeyManagerSettings) -> TransitKeyAdministrator:
    """Make what changes its keys; the server is reached when it is asked."""
    return TransitKeyAdministrator(partial(_setup, settings))


def transit_policy(settings: TransitKeyManagerSettings, key_ids: Iterable[str]) -> str:
    """Return the policy that lets hyok use these keys and no more."""
    return least_privilege_policy(settings.mount, filter(is_key_name, {*key_ids, settings.health_key or ""}))


def _setup(settings: TransitKeyManagerSettings) -> TransitSetup:
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
