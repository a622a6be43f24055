"""A server's certificate that changes while it serves: new connections get the new one, old connections live on.

A context in use is never altered: a failed `load_cert_chain` would ruin it. A fresh one takes its place.
"""

from __future__ import annotations

import ssl
from typing import Any, NamedTuple

from hyok.transport.pem import CertificateState
from hyok.transport.tls import ClientCertificates, KeyPair, TlsSetup, server_context


class CheckedTls(NamedTuple):
    """What a server shows and whom it lets in, read and found in order: a process may hand it to another."""

    key_pair: KeyPair
    client_certificates: ClientCertificates | None
    state: CertificateState

    def setup(self) -> TlsSetup:
        """Make a context of it, in about a millisecond. OperatorError if OpenSSL here finds what it did not there."""
        return server_context(self.key_pair, self.client_certificates, checked=self.state)


def check_tls(key_pair: KeyPair, client_certificates: ClientCertificates | None) -> CheckedTls:
    """Try whether a server can serve with these. Raises OperatorError that names the source at fault."""
    setup = server_context(key_pair, client_certificates)
    return CheckedTls(key_pair, client_certificates, CertificateState(setup.expires_at or 0.0, setup.warnings))


class ReplaceableTls:
    """What a server gets as its context, and what stands behind it now."""

    def __init__(self, setup: TlsSetup) -> None:
        self._delegating = _DelegatingContext(ssl.PROTOCOL_TLS_SERVER)
        self.replace(setup)

    @property
    def context(self) -> ssl.SSLContext:
        """The one context that the server keeps."""
        return self._delegating

    @property
    def setup(self) -> TlsSetup:
        """What new connections get."""
        return self._setup

    def replace(self, setup: TlsSetup) -> None:
        """Give new connections another context. Session tickets of the earlier one lead to full handshakes."""
        self._setup = setup
        self._delegating.current = setup.context


class _DelegatingContext(ssl.SSLContext):
    """Makes the TLS of each connection by another context. asyncio and uvloop ask for nothing else."""

    current: ssl.SSLContext

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:  # whatever an event loop passes on
        """Begin a connection."""
        return self.current.wrap_bio(*arguments, **options)
