"""A server's certificate that changes while it serves: new connections get the new one, old connections live on.

A context in use is never altered: a failed `load_cert_chain` would ruin it. A fresh one takes its place.
"""

from __future__ import annotations

import ssl
from typing import Any

from hyok.transport.tls import TlsSetup


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
