"""Health, server by server: what it says of itself, and whether it encrypts and decrypts."""

from __future__ import annotations

import asyncio
import os
from typing import Final, NamedTuple

from hyok.clock import Deadline
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import HealthStatus, MemberHealth
from hyok.keymanagers.transit.api import TransitApi
from hyok.keymanagers.transit.ciphertext import compose_ciphertext
from hyok.keymanagers.transit.wire import DecryptItem, EncryptItem

_PROBE_BYTES: Final = 32


class ServerCheck(NamedTuple):
    """How one server is, and why not better."""

    health: MemberHealth
    fault: str
    """For the operator; empty if there is none."""


async def check_servers(api: TransitApi, health_key: str, deadline: Deadline) -> tuple[ServerCheck, ...]:
    """Check all servers side by side. Without a health key a member's model says that its keys were not tried."""
    return tuple(await asyncio.gather(*(_check(api, server, health_key, deadline) for server in api.servers)))


async def _check(api: TransitApi, server: str, health_key: str, deadline: Deadline) -> ServerCheck:
    name = server.partition("://")[2]
    model = "Transit"
    try:
        health = await api.read_health(server, deadline)
        model = f"Transit {health.version}".strip()
        if health.sealed or not health.initialized:
            state = "sealed" if health.initialized else "not initialised"
            raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, f"it is {state}")
        if health_key:
            await _try_key(api, server, health_key, deadline)
        else:
            # The next best: that it takes the token shows that it reaches its storage.
            await api.check_token(server, deadline)
            model += " (no health_key: keys not tried)"
    except KeyManagerError as error:
        return ServerCheck(MemberHealth(name, model, HealthStatus.UNAVAILABLE), f"{server}: {error}")
    return ServerCheck(MemberHealth(name, model, HealthStatus.ACTIVE), "")


async def _try_key(api: TransitApi, server: str, health_key: str, deadline: Deadline) -> None:
    version = (await api.read_key(health_key, deadline)).latest_version
    probe, aad = os.urandom(_PROBE_BYTES), b"hyok health"
    (sealed,) = await api.encrypt(health_key, [EncryptItem(probe, aad, version)], deadline, server=server)
    if isinstance(sealed, KeyManagerError):
        raise sealed
    item = DecryptItem(compose_ciphertext(version, sealed), aad)
    (decrypted,) = await api.decrypt(health_key, [item], deadline, server=server)
    if isinstance(decrypted, KeyManagerError):
        raise decrypted
    if decrypted != probe:
        raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, "it decrypts to something else")
