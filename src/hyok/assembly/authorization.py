"""Secondary authorization, from its settings."""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from hyok.assembly.material import optional_key_pair, pem, warn_of
from hyok.clock import Clock
from hyok.config.references import resolve_secret
from hyok.config.settings import AuthorizationSettings, AuthorizerSettings, DecryptSettings
from hyok.proxy.authorization.authorizer import Authorizer
from hyok.proxy.authorization.authorizing import Authorization
from hyok.proxy.authorization.decrypt_watch import WatchMode, WatchRules
from hyok.proxy.authorization.facts import Organizations
from hyok.proxy.authorization.first_use import FirstUseBindings
from hyok.proxy.authorization.stored_watch import StoredWatch, load_watch
from hyok.storage.engine import Storage
from hyok.transport.tls import client_context

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def accounts_in_organizations(settings: AuthorizationSettings) -> Organizations:
    """Return the organization of each account."""
    return {account: name for name, accounts in settings.organizations.items() for account in accounts}


class OpenedAuthorization(NamedTuple):
    """What decides on each use of a key."""

    authorization: Authorization
    watch: StoredWatch | None
    """What is to be kept flushing; None if nothing is watched."""


def open_authorization(
    settings: AuthorizationSettings, storage: Storage, clock: Clock, *, workers: int
) -> OpenedAuthorization:
    """Make what decides on each use of a key, within a running loop. OperatorError if a certificate does not serve."""
    authorizer = None if settings.authorizer is None else _http_authorizer(settings.authorizer)
    watch = None if settings.decrypts is None else load_watch(storage, _watch_rules(settings.decrypts, workers))
    stored = None if watch is None else StoredWatch(watch, storage, clock)
    bindings = FirstUseBindings(storage, clock)
    return OpenedAuthorization(Authorization(bindings=bindings, authorizer=authorizer, watch=watch), stored)


def _watch_rules(settings: DecryptSettings, workers: int) -> WatchRules:
    first, _, last = settings.hours.partition("-")
    return WatchRules(
        unusual_rate=WatchMode(settings.unusual_rate),
        rate_factor=settings.rate_factor,
        rate_floor=settings.rate_floor,
        new_caller=WatchMode(settings.new_caller),
        outside_hours=WatchMode(settings.outside_hours),
        hours=(_hour(first), _hour(last)),
        days=frozenset(map(_DAYS.index, settings.days)),
        workers=workers,
    )


def _hour(text: str) -> float:
    hours, _, minutes = text.partition(":")
    return int(hours) + int(minutes) / 60


def _http_authorizer(settings: AuthorizerSettings) -> Authorizer:
    from hyok.proxy.authorization.http_authorizer import HttpAuthorizer  # here alone: aiohttp is for those who ask one

    tls = None
    if settings.url.startswith("https:"):
        authorities = None if settings.authorities is None else pem(settings.authorities)
        pair = optional_key_pair(settings.client_certificate, settings.client_private_key)
        tls = warn_of(client_context(authorities, pair))
    token = None if settings.token is None else resolve_secret(settings.token, os.environ)
    return HttpAuthorizer(settings.url, tls=tls, token=token)
