"""What several parts are made of: addresses, certificates, and where secrets come from."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

from hyok.config import values
from hyok.config.references import SecretReference, resolve_secret
from hyok.secret import Secret
from hyok.transport.pem import PemSource
from hyok.transport.sockets import Address
from hyok.transport.tls import KeyPair, TlsSetup

_log = logging.getLogger("hyok")


def socket_address(address: values.Address) -> Address:
    """Return the address to bind or to connect to."""
    return Address(address.host, address.port)


def secret_source(reference: SecretReference) -> Callable[[], Secret]:
    """Return what reads a secret anew each time: it may have been replaced meanwhile."""
    return lambda: resolve_secret(reference, os.environ)


def pem(reference: SecretReference) -> PemSource:
    """Read a PEM text. OperatorError if its reference cannot be resolved."""
    return PemSource(str(reference), resolve_secret(reference, os.environ))


def key_pair(certificate: SecretReference, private_key: SecretReference) -> KeyPair:
    """Read a certificate and its private key."""
    return KeyPair(pem(certificate), pem(private_key))


def optional_key_pair(certificate: SecretReference | None, private_key: SecretReference | None) -> KeyPair | None:
    """Read a certificate and its private key, if both are given."""
    if certificate is None or private_key is None:
        return None
    return key_pair(certificate, private_key)


def warn_of(tls: TlsSetup) -> TlsSetup:
    """Log what an operator should know of a TLS context, and hand it on."""
    for warning in tls.warnings:
        _log.warning("%s", warning)
    if tls.expires_at is not None:
        _log.info("the certificate expires in %.0f days", (tls.expires_at - time.time()) / 86400)
    return tls
