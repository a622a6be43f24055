"""A worker's life: take the parent's orders, serve, and stop when told to or when the parent is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hyok.assembly.proxy_worker import Inheritance, run_proxy_worker
from hyok.config.configuration import parse_configuration
from hyok.errors import HyokError
from hyok.metrics.report import ProcessReport
from hyok.quota_table import QuotaTable
from hyok.supervisor.messages import (
    BEAT_SECONDS,
    Beat,
    Channel,
    Failed,
    FromParent,
    Orders,
    Ready,
    ReplaceTls,
    Report,
    Stop,
    Stopping,
    TlsKept,
    open_workers_end,
)
from hyok.transport.reloading import CheckedTls
from hyok.transport.serving import run

FAILED: Final = 3
"""Exit status of a worker that has told its parent why."""


def work(descriptor: int) -> int:
    """Serve as a worker of the process at the other end of an inherited socket. Returns the exit status."""
    return run(_work(socket.socket(fileno=descriptor)))


async def _work(connected: socket.socket) -> int:
    channel = await open_workers_end(connected)
    orders = await channel.receive()
    if not isinstance(orders, Orders):
        return FAILED  # the parent is gone
    reasons: list[str] = []
    try:
        await _serve(orders, channel)
    except* (HyokError, OSError) as errors:
        reasons.append(_sentence_of(errors))
    for reason in reasons:
        channel.send(Failed(reason))
    await channel.close()
    return FAILED if reasons else 0


async def _serve(orders: Orders, channel: Channel[FromParent]) -> None:
    file = None if orders.configuration_file is None else Path(orders.configuration_file)
    configuration = parse_configuration(orders.configuration, file=file, environment=os.environ)
    listeners = {
        name: [socket.socket(fileno=each) for each in descriptors] for name, descriptors in orders.listeners.items()
    }
    quotas = QuotaTable(orders.quotas)
    inheritance = Inheritance(orders.safe_key, orders.tls, listeners, orders.instance, quotas)
    async with run_proxy_worker(configuration, inheritance) as worker:
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        channel.send(Ready())
        async with asyncio.TaskGroup() as group:
            beats = group.create_task(_beat(channel, worker.report))
            obedience = group.create_task(_obey(channel, worker.replace_tls, stopped))
            await stopped.wait()
            beats.cancel()
            obedience.cancel()
        channel.send(Stopping())
    channel.send(Report(worker.report()))


async def _beat(channel: Channel[FromParent], report: Callable[[], ProcessReport]) -> None:
    while True:
        channel.send(Beat())
        channel.send(Report(report()))
        await asyncio.sleep(BEAT_SECONDS)


async def _obey(
    channel: Channel[FromParent], replace_tls: Callable[[CheckedTls], None], stopped: asyncio.Event
) -> None:
    while (message := await channel.receive()) is not None:
        match message:
            case ReplaceTls(tls=tls):
                try:
                    replace_tls(tls)
                except HyokError as error:
                    channel.send(TlsKept(str(error)))
            case Stop():
                break
            case Orders():
                pass  # given once, at the start
    stopped.set()  # told to, or the parent is gone


def _sentence_of(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)
