"""What `hyok config check` tries out: certificates are loaded, storages opened with their root keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NamedTuple

from hyok.assembly import open_root_key
from hyok.config.checking import Finding, Outcome
from hyok.config.configuration import Configuration
from hyok.config.references import SecretReference, resolve_secret
from hyok.config.settings import KmsSettings, ProxySettings
from hyok.config.values import StorageUrl
from hyok.custody.safe import open_safe
from hyok.errors import OperatorError
from hyok.storage.engine import open_storage
from hyok.storage.schema import Side
from hyok.transport.pem import PemSource
from hyok.transport.tls import ClientCertificates, KeyPair, TlsSetup, client_context, server_context


class _KeptSide(NamedTuple):
    setting: str
    side: Side
    url: StorageUrl
    source: SecretReference


def try_back_ends(configuration: Configuration) -> Iterator[Finding]:
    """Try what can be tried without serving. A storage that is not there yet is left alone: opening would make it."""
    if (proxy := configuration.proxy) is not None:
        yield _try_tls("proxy.certificate", lambda: _proxy_context(proxy))
    if (kms := configuration.kms) is not None:
        if kms.certificate is not None and kms.private_key is not None:
            key_pair = kms.certificate, kms.private_key
            yield _try_tls("kms.certificate", lambda: server_context(_key_pair(*key_pair)))
        yield _try_tls("kms.xks_authorities", lambda: _client_context(kms))
    for kept in _kept_sides(configuration):
        if kept.url.path.is_file():
            yield _try_storage(kept)


def _try_tls(setting: str, make_context: Callable[[], TlsSetup]) -> Finding:
    try:
        setup = make_context()
    except OperatorError as error:
        return Finding(setting, Outcome.FAILED, str(error))
    if setup.warnings:
        return Finding(setting, Outcome.FAILED, "; ".join(setup.warnings))
    return Finding(setting, Outcome.OK, "can be used")


def _proxy_context(proxy: ProxySettings) -> TlsSetup:
    clients = None
    if (mutual := proxy.client_certificates) is not None:
        clients = ClientCertificates(_pem(mutual.authorities), frozenset(mutual.subjects))
    return server_context(_key_pair(proxy.certificate, proxy.private_key), clients)


def _client_context(kms: KmsSettings) -> TlsSetup:
    authorities = None if kms.xks_authorities is None else _pem(kms.xks_authorities)
    if kms.client_certificate is None or kms.client_private_key is None:
        return client_context(authorities)
    return client_context(authorities, _key_pair(kms.client_certificate, kms.client_private_key))


def _key_pair(certificate: SecretReference, private_key: SecretReference) -> KeyPair:
    return KeyPair(_pem(certificate), _pem(private_key))


def _pem(reference: SecretReference) -> PemSource:
    return PemSource(str(reference), resolve_secret(reference, os.environ))


def _kept_sides(configuration: Configuration) -> Iterator[_KeptSide]:
    if configuration.storage is not None and configuration.root_key is not None:
        yield _KeptSide("storage.url", Side.HOLDER, configuration.storage.url, configuration.root_key.source)
    if (kms := configuration.kms) is not None:
        yield _KeptSide("kms.storage.url", Side.KMS, kms.storage.url, kms.root_key.source)


def _try_storage(kept: _KeptSide) -> Finding:
    try:
        root = open_root_key(kept.source)
        with closing(open_storage(str(kept.url), kept.side)) as storage:
            open_safe(storage, root)
    except OperatorError as error:
        return Finding(kept.setting, Outcome.FAILED, str(error))
    return Finding(kept.setting, Outcome.OK, "opens with its root key")
