"""KMIP servers, from their settings."""

from __future__ import annotations

from functools import partial

from hyok.assembly.material import key_pair, pem, socket_address, warn_of
from hyok.config.settings import KmipKeyManagerSettings
from hyok.keymanagers.kmip.administrator import KmipKeyAdministrator
from hyok.keymanagers.kmip.manager import KmipKeyManager
from hyok.keymanagers.kmip.setup import IvSource, KmipSetup
from hyok.keymanagers.kmip.vocabulary import SPOKEN_VERSIONS
from hyok.transport.tls import client_context


def open_kmip(settings: KmipKeyManagerSettings) -> KmipKeyManager:
    """Make the key manager. OperatorError if a certificate does not serve."""
    return KmipKeyManager(_setup(settings))


def administer_kmip(settings: KmipKeyManagerSettings) -> KmipKeyAdministrator:
    """Make what changes its keys; the server is reached when it is asked."""
    return KmipKeyAdministrator(partial(_setup, settings))


def _setup(settings: KmipKeyManagerSettings) -> KmipSetup:
    """Tell where a KMIP server is and how to talk to it. OperatorError if a certificate does not serve."""
    authorities = None if settings.authorities is None else pem(settings.authorities)
    shown = key_pair(settings.client_certificate, settings.client_private_key)
    return KmipSetup(
        socket_address(settings.address),
        settings.server_name or settings.address.host,
        warn_of(client_context(authorities, shown, application_protocol=None)),
        versions=[version for text in settings.versions for version in SPOKEN_VERSIONS if str(version) == text],
        iv_source=IvSource(settings.iv),
        health_key=settings.health_key,
        connections=settings.connections,
    )
