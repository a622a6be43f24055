"""Secondary authorization, from its settings."""

from __future__ import annotations

import os

from hyok.assembly.material import optional_key_pair, pem, warn_of
from hyok.clock import Clock
from hyok.config.references import resolve_secret
from hyok.config.settings import AuthorizationSettings, AuthorizerSettings
from hyok.proxy.authorization.authorizing import Authorization
from hyok.proxy.authorization.facts import Organizations
from hyok.proxy.authorization.first_use import FirstUseBindings
from hyok.proxy.authorization.http_authorizer import HttpAuthorizer
from hyok.storage.engine import Storage
from hyok.transport.tls import client_context


def accounts_in_organizations(settings: AuthorizationSettings) -> Organizations:
    """Return the organization of each account."""
    return {account: name for name, accounts in settings.organizations.items() for account in accounts}


def open_authorization(settings: AuthorizationSettings, storage: Storage, clock: Clock) -> Authorization:
    """Make what decides on each use of a key, within a running loop. OperatorError if a certificate does not serve."""
    authorizer = None if settings.authorizer is None else _http_authorizer(settings.authorizer)
    return Authorization(bindings=FirstUseBindings(storage, clock), authorizer=authorizer)


def _http_authorizer(settings: AuthorizerSettings) -> HttpAuthorizer:
    tls = None
    if settings.url.startswith("https:"):
        authorities = None if settings.authorities is None else pem(settings.authorities)
        pair = optional_key_pair(settings.client_certificate, settings.client_private_key)
        tls = warn_of(client_context(authorities, pair))
    token = None if settings.token is None else resolve_secret(settings.token, os.environ)
    return HttpAuthorizer(settings.url, tls=tls, token=token)
