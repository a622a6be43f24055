"""Both sides of the trust line in one process, for a laptop or CI: two folders that share nothing, one loop.

The KMS reaches the proxy over TLS all the same, so that the pair always tests the real wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import msgspec

from hyok.assembly.holder import Holder, HolderState, load_holder_state, open_holder
from hyok.assembly.kms import KMS_LIMITS, Kms, run_kms_service
from hyok.assembly.proxy import run_proxy_service
from hyok.assembly.proxy_endpoints import check_proxy_tls
from hyok.clock import AdjustableClock, SystemClock
from hyok.config import values
from hyok.config.settings import EventSettings, KmsSettings
from hyok.dev.sides import LOOPBACK, PROXY_HOST, Sides
from hyok.dev.stack import Addresses, DevStack, ProxyDoor
from hyok.dev.stopwatch import Border, Stopwatch, TimedExternalKeys, TimedKeyManager, TimedService
from hyok.kms.call_attributes import GivenAttributes
from hyok.proxy.pipeline import ProxyService
from hyok.transport.pem import read_pem
from hyok.transport.serving import Endpoint, serve
from hyok.transport.sockets import Address
from hyok.transport.tls import KeyPair, server_context


class Ports(NamedTuple):
    """Where `hyok dev` serves on 127.0.0.1; 0 takes a free port."""

    kms: int = 4580
    kms_tls: int = 4581
    proxy: int = 8443


@asynccontextmanager
async def run_stack(sides: Sides, data: Path, ports: Ports, *, events: Path | None = None) -> AsyncIterator[DevStack]:
    """Serve both sides for the length of the block; the KMS records its calls in `events` if that is given."""
    stopwatch = Stopwatch()
    deletion_clock = AdjustableClock(SystemClock())
    async with (
        _run_holder(sides, ports, stopwatch) as ours,
        _run_kms(_kms_settings(sides, ours.proxy_address, events), deletion_clock, stopwatch) as kms,
        serve(_kms_endpoints(sides, ports, kms, stopwatch)) as running,
    ):
        yield DevStack(
            loop=asyncio.get_running_loop(),
            sides=sides,
            data=data,
            holder=ours.holder,
            state=ours.state,
            door=ours.door,
            kms=kms,
            deletion_clock=deletion_clock,
            stopwatch=stopwatch,
            addresses=Addresses(running.address("kms"), running.address("kms-tls"), ours.proxy_address),
        )


class _HolderSide(NamedTuple):
    holder: Holder
    state: HolderState
    door: ProxyDoor
    proxy_address: Address


@asynccontextmanager
async def _run_holder(sides: Sides, ports: Ports, stopwatch: Stopwatch) -> AsyncIterator[_HolderSide]:
    with open_holder(sides.holder) as holder:
        state = load_holder_state(holder, sides.holder.require_holder())
        timed = {name: TimedKeyManager(manager, stopwatch) for name, manager in state.key_managers.items()}
        timed_state = state._replace(key_managers=timed)
        audit = sides.holder.audit
        async with run_proxy_service(holder, timed_state, audit=audit, instance=uuid4().hex) as proxy:
            door = ProxyDoor(_proxy_endpoint(sides, ports, proxy.service, stopwatch))
            address = await door.open()
            try:
                yield _HolderSide(holder, state, door, address)
            finally:
                await door.close()


def _proxy_endpoint(sides: Sides, ports: Ports, service: ProxyService, stopwatch: Stopwatch) -> Endpoint:
    tls = check_proxy_tls(sides.holder.require_proxy()).setup().context
    return Endpoint("proxy", Address(LOOPBACK, ports.proxy), TimedService(service, Border.PROXY, stopwatch), tls)


def _kms_settings(sides: Sides, proxy_address: Address, events: Path | None) -> KmsSettings:
    """Return the KMS's settings, told where the proxy is."""
    configured = sides.kms.require_kms()
    return msgspec.structs.replace(
        configured,
        endpoint_map={PROXY_HOST: values.Address(*proxy_address)},
        signatures="any-credentials",
        events=configured.events if events is None else EventSettings(directory=events),
    )


def _run_kms(
    settings: KmsSettings, deletion_clock: AdjustableClock, stopwatch: Stopwatch
) -> AbstractAsyncContextManager[Kms]:
    return run_kms_service(
        settings,
        schedule_clock=deletion_clock,
        attributes=GivenAttributes(),
        wrap_external_keys=lambda external_keys: TimedExternalKeys(external_keys, stopwatch),
    )


def _kms_endpoints(sides: Sides, ports: Ports, kms: Kms, stopwatch: Stopwatch) -> list[Endpoint]:
    service = TimedService(kms.service, Border.KMS, stopwatch)
    certificates = sides.kms_certificates
    tls = server_context(KeyPair(read_pem(certificates.chain), read_pem(certificates.key))).context
    return [
        Endpoint("kms", Address(LOOPBACK, ports.kms), service, None, KMS_LIMITS),
        Endpoint("kms-tls", Address(LOOPBACK, ports.kms_tls), service, tls, KMS_LIMITS),
    ]
