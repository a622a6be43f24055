"""The proxy's service: what it consists of, and what it does in the background while it serves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from time import monotonic
from typing import NamedTuple

from hyok.assembly.audit import copy_administrative_records, open_service_log
from hyok.assembly.authorization import OpenedAuthorization, open_authorization
from hyok.assembly.holder import Holder, HolderState
from hyok.assembly.running import background
from hyok.audit.log import AuditLog
from hyok.config.settings import AuditSettings
from hyok.errors import HyokError
from hyok.metrics.registry import MetricsRegistry
from hyok.proxy.fleet import Fleet, this_server
from hyok.proxy.health import HealthMonitor
from hyok.proxy.operations.get_health_status import ProxyIdentity
from hyok.proxy.pipeline import ProxyService
from hyok.proxy.reporting import Reporter
from hyok.proxy.usage import CredentialUsage

_log = logging.getLogger(__name__)


class Proxy(NamedTuple):
    """The proxy, opened."""

    service: ProxyService
    reporter: Reporter
    metrics: MetricsRegistry


class _Parts(NamedTuple):
    """What it consists of besides the holder's state."""

    metrics: MetricsRegistry
    health: HealthMonitor
    log: AuditLog
    usage: CredentialUsage
    fleet: Fleet
    authorization: OpenedAuthorization


@asynccontextmanager
async def run_proxy_service(
    holder: Holder, state: HolderState, *, audit: AuditSettings, instance: str
) -> AsyncIterator[Proxy]:
    """Make the proxy's service, with what it does in the background, for the length of the block.

    `instance` tells this proxy, with all its workers, from others that serve from the same storage.
    """
    parts = _open_parts(holder, state, audit=audit, instance=instance)
    proxy = Proxy(_make_service(holder, state, parts), _make_reporter(state, parts), parts.metrics)
    try:
        # The lease first: what is frozen from here on waits for this server; what was frozen before is read next.
        await parts.fleet.beat()
        await state.follower.catch_up()
        await asyncio.to_thread(_heal_trail, audit, holder)
        async with background(*_background_work(state, parts)):
            yield proxy
    finally:
        await _close(state, parts)


def _open_parts(holder: Holder, state: HolderState, *, audit: AuditSettings, instance: str) -> _Parts:
    follower = state.follower
    fleet = Fleet(
        holder.storage,
        holder.clock,
        server=this_server(instance),
        position=follower.position,
        stale_after_seconds=follower.stale_after_seconds,
    )
    follower.on_applied = fleet.acknowledge
    return _Parts(
        metrics=MetricsRegistry(),
        health=HealthMonitor(state.key_managers),
        log=open_service_log(audit, holder, service="proxy"),
        usage=CredentialUsage(holder.storage),
        fleet=fleet,
        authorization=open_authorization(state.authorization, holder.storage, holder.clock, workers=state.workers),
    )


def _make_service(holder: Holder, state: HolderState, parts: _Parts) -> ProxyService:
    follower, fleet = state.follower, parts.fleet

    def is_stale() -> bool:
        now = monotonic()
        return now > follower.ends_at or now > fleet.ends_at

    return ProxyService(
        identity=ProxyIdentity(version("hyok"), parts.fleet.size),
        key_stores=state.key_stores.directory,
        key_managers=state.key_managers,
        health=parts.health,
        audit=parts.log,
        metrics=parts.metrics,
        clock=holder.clock,
        freezes=state.freezes,
        is_stale=is_stale,
        note_use=parts.usage.note,
        authorization=parts.authorization.authorization,
    )


def _make_reporter(state: HolderState, parts: _Parts) -> Reporter:
    return Reporter(
        metrics=parts.metrics,
        key_stores=state.key_stores.directory,
        key_managers=state.key_managers,
        health=parts.health,
        audit=parts.log,
        change_log_age_seconds=state.follower.age_seconds,
        fleet_size=parts.fleet.size,
        encryption_shares=state.encryption_shares,
    )


def _background_work(state: HolderState, parts: _Parts) -> Iterator[Coroutine[object, None, None]]:
    yield state.follower.follow()
    yield parts.health.keep_fresh()
    yield parts.usage.keep_flushing()
    yield parts.fleet.keep_beating()
    if (watch := parts.authorization.watch) is not None:
        yield watch.keep_flushing()
    for upkeep in state.upkeep:
        yield upkeep()


async def _close(state: HolderState, parts: _Parts) -> None:
    await parts.usage.flush()
    if (watch := parts.authorization.watch) is not None:
        await watch.flush()
    await parts.fleet.leave()
    parts.log.close()
    await parts.authorization.authorization.aclose()
    for manager in state.key_managers.values():
        await manager.aclose()


def _heal_trail(audit: AuditSettings, holder: Holder) -> None:
    # What a command recorded in the storage, but ended before it could copy.
    try:
        copy_administrative_records(audit, holder)
    except HyokError as error:
        _log.warning("administrative records are not copied into the audit trail: %s", error)
