"""One worker of the proxy: it serves with what its parent hands over."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from hyok.assembly.holder import inherit_holder, load_holder_state
from hyok.assembly.proxy import run_proxy_service
from hyok.assembly.proxy_endpoints import proxy_endpoints
from hyok.assembly.running import loading
from hyok.config.configuration import Configuration
from hyok.custody.safe import SafeKey
from hyok.metrics.report import ProcessReport
from hyok.quota_table import QuotaTable
from hyok.transport.reloading import CheckedTls, ReplaceableTls
from hyok.transport.serving import Drain, serve
from hyok.transport.tls import refuse_other_suites

LINGER_SECONDS: Final = 1.0
"""How long a worker that stops leaves each connection for one more request. KMS keeps connections it seldom uses."""


class Inheritance(NamedTuple):
    """What a worker gets from its parent: with these it needs no root key, no private key's file and no port."""

    safe_key: SafeKey
    tls: CheckedTls
    listeners: Mapping[str, Sequence[socket.socket]]
    """By the name in `proxy_addresses`; they are closed at the end."""
    instance: str
    """The parent's name among the proxies of one storage."""
    quotas: QuotaTable
    """Shared by the parent's workers."""


class ProxyWorker(NamedTuple):
    """A worker that serves, as its program sees it."""

    replace_tls: Callable[[CheckedTls], None]
    report: Callable[[], ProcessReport]


@asynccontextmanager
async def run_proxy_worker(configuration: Configuration, inheritance: Inheritance) -> AsyncIterator[ProxyWorker]:
    """Serve the proxy for the length of the block. OperatorError if it cannot."""
    settings = configuration.require_proxy()
    tls = ReplaceableTls(inheritance.tls.setup())
    if settings.tls_suites == "strict":
        refuse_other_suites(tls.setup.context)
    with inherit_holder(configuration, inheritance.safe_key) as holder:
        with loading():
            state = load_holder_state(
                holder, configuration.require_holder(), workers=settings.workers, quotas=inheritance.quotas
            )
        audit, instance = configuration.audit, inheritance.instance
        async with run_proxy_service(holder, state, audit=audit, instance=instance) as proxy:
            endpoints = proxy_endpoints(settings, proxy.service, tls, proxy.metrics)
            async with serve(endpoints, listeners=inheritance.listeners, drain=Drain(LINGER_SECONDS)) as running:
                yield ProxyWorker(
                    lambda new: tls.replace(new.setup()), lambda: proxy.reporter.report(running.open_connections())
                )
