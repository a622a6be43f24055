"""The proxy's parent process, from the configuration to its end. Reads top to bottom."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final

from hyok.assembly.audit_sinks import shipping_trail
from hyok.assembly.proxy_endpoints import check_proxy_tls, proxy_addresses, proxy_tls_references
from hyok.assembly.sides import unlock_side
from hyok.audit.sinks.shipping import Shipping
from hyok.config.configuration import Configuration, load_configuration
from hyok.metrics.exposition import Surroundings, render_metrics
from hyok.storage.schema import Side
from hyok.supervisor.certificates import CertificateFiles, report_expiry
from hyok.supervisor.launcher import Generation, Launcher
from hyok.supervisor.metrics_service import metrics_service
from hyok.supervisor.supervision import Command, Supervisor
from hyok.supervisor.systemd import Notifier, inherited_listeners
from hyok.supervisor.workforce import Times
from hyok.transport.serving import Endpoint, serve
from hyok.transport.sockets import Address, address_of, listen

_METRICS: Final = "metrics"
_log = logging.getLogger("hyok")


def supervise(configuration: Configuration, *, worker_command: Sequence[str], times: Times | None = None) -> None:
    """Serve the proxy with workers until SIGTERM or SIGINT. OperatorError if it cannot start.

    `worker_command` runs `worker.work` with its last argument.
    """
    # 1. What must be in order before anything starts.
    settings = configuration.require_proxy()
    generation = Generation(configuration, check_proxy_tls(settings))
    report_expiry(generation.tls.state)
    # 2. Unlock once. The storage is closed again: each worker opens it for itself.
    holder = configuration.require_holder()
    safe_key = unlock_side(holder.storage, holder.root_key, Side.HOLDER)
    # 3. The sockets that all workers share.
    listeners = _open_listeners(configuration, os.environ)
    metrics = listeners.pop(_METRICS, [])  # its own: it alone knows of all workers
    launcher = Launcher(worker_command, safe_key=safe_key, listeners=listeners, environment=os.environ)
    # 4. Workers.
    try:
        asyncio.run(_supervise(generation, launcher, listeners, metrics, times or Times()))
    finally:
        launcher.close()


async def _supervise(
    generation: Generation,
    launcher: Launcher,
    listeners: Mapping[str, Sequence[socket.socket]],
    metrics: Sequence[socket.socket],
    times: Times,
) -> None:
    file = generation.configuration.file
    supervisor = Supervisor(
        generation,
        launch=launcher.launch,
        reread=lambda: load_configuration(file, os.environ, searched=()) if file else generation.configuration,
        announce=lambda: _announce(listeners),
        before_stop=launcher.close,
        notifier=Notifier(os.environ),
        times=times,
    )
    files = CertificateFiles(
        lambda: proxy_tls_references(supervisor.generation.configuration.require_proxy()), os.environ
    )
    watch = asyncio.create_task(files.watch(lambda: supervisor.command(Command.RENEW_TLS)))
    try:
        async with (
            shipping_trail(generation.configuration.audit) as shippings,
            _metrics_served(supervisor, metrics, shippings),
        ):
            await supervisor.run()
    finally:
        watch.cancel()


@asynccontextmanager
async def _metrics_served(
    supervisor: Supervisor, listeners: Sequence[socket.socket], shippings: Mapping[str, Shipping]
) -> AsyncIterator[None]:
    """Answer Prometheus for the length of the block, if it is configured."""
    if not listeners:
        yield
        return

    def render() -> bytes:
        expires_at = supervisor.generation.tls.state.expires_at
        sinks = {name: each.progress for name, each in shippings.items()}
        return render_metrics(supervisor.collection, Surroundings(time.time(), expires_at, version("hyok"), sinks))

    endpoint = Endpoint(_METRICS, address_of(listeners[0]), metrics_service(render), tls=None)
    async with serve([endpoint], listeners={_METRICS: listeners}) as running:
        _log.info("metrics serves on %s", running.address(_METRICS))
        yield


def _open_listeners(configuration: Configuration, environment: Mapping[str, str]) -> dict[str, list[socket.socket]]:
    """Take the sockets that systemd has opened, and open the others."""
    addresses = dict(proxy_addresses(configuration.require_proxy()))
    if configuration.metrics is not None:
        addresses[_METRICS] = Address(configuration.metrics.listen.host, configuration.metrics.listen.port)
    inherited = inherited_listeners(environment, addresses.keys())
    return {name: inherited.get(name) or [listen(address)] for name, address in addresses.items()}


def _announce(listeners: Mapping[str, Sequence[socket.socket]]) -> None:
    for name in sorted(listeners):  # the proxy last: who reads this line may send requests
        for listener in listeners[name]:
            _log.info("%s serves on %s", name, address_of(listener))
