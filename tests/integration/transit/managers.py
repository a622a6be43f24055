"""Key managers for tests: how to get in, and how to run what is asynchronous."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
import uvloop

from hyok.clock import Deadline, deadline_in
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyVersion, Sealed
from hyok.keymanagers.transit.manager import TransitKeyManager
from hyok.keymanagers.transit.policy import least_privilege_policy
from hyok.keymanagers.transit.setup import AppRoleLogin, Login, TokenLogin, TransitSetup
from hyok.secret import Secret
from hyok.transport.pem import PemSource
from hyok.transport.tls import KeyPair, client_context
from tests.integration.transit.servers import Server

T = TypeVar("T")
AAD = b"additional authenticated data"
PLAINTEXT = b"a data key of 32 bytes, as often."


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a test's work on the loop that serves in production."""
    return uvloop.run(work)


def soon() -> Deadline:
    """Return a deadline that a working server keeps, also on a busy machine."""
    return deadline_in(10)


def new_key(server: Server, **properties: object) -> str:
    """Make a key of a name that nobody used before."""
    name = f"key-{uuid.uuid4()}"
    server.do("POST", f"transit/keys/{name}", {"type": "aes256-gcm96", **properties})
    return name


def root_login(server: Server) -> TokenLogin:
    """Let a key manager do everything."""
    return TokenLogin(lambda: Secret(server.root_token.encode()))


def least_login(server: Server, key_names: Sequence[str], **role: object) -> AppRoleLogin:
    """Let a key manager do what `hyok config check` says it needs for these keys, and no more."""
    name = f"role-{uuid.uuid4()}"
    server.do("POST", f"sys/policies/acl/{name}", {"policy": least_privilege_policy("transit", key_names)})
    server.do("POST", f"auth/approle/role/{name}", {"token_policies": name, "token_ttl": "1h", **role})
    role_id = server.do("GET", f"auth/approle/role/{name}/role-id")["role_id"]
    secret_id = server.do("POST", f"auth/approle/role/{name}/secret-id", {})["secret_id"]
    return AppRoleLogin("approle", role_id, lambda: Secret(secret_id.encode()))


def new_token(server: Server, key_names: Sequence[str], **properties: object) -> str:
    """Make a token that may do what is needed for these keys, and no more."""
    name = f"policy-{uuid.uuid4()}"
    server.do("POST", f"sys/policies/acl/{name}", {"policy": least_privilege_policy("transit", key_names)})
    token: str = server.do("POST", "auth/token/create", {"policies": [name], **properties})["client_token"]
    return token


def setup_of(
    server: Server,
    login: Login,
    *,
    servers: Sequence[str] = (),
    health_key: str = "",
    namespace: str = "",
    key_pair: KeyPair | None = None,
) -> TransitSetup:
    """Describe a key manager on the server."""
    authority = PemSource("the test's authority", Secret(server.authority.cert_pem.bytes()))
    return TransitSetup(
        servers=tuple(servers) or (server.address,),
        mount="transit",
        login=login,
        tls=client_context(authority, key_pair),
        namespace=namespace,
        health_key=health_key,
    )


@asynccontextmanager
async def managing(setup: TransitSetup) -> AsyncIterator[TransitKeyManager]:
    """Use a key manager for the length of the block."""
    manager = TransitKeyManager(setup)
    try:
        yield manager
    finally:
        await manager.aclose()


async def seal(manager: TransitKeyManager, key_name: str, plaintext: bytes = PLAINTEXT) -> tuple[KeyVersion, Sealed]:
    """Encrypt under the active version, as the proxy does."""
    version = await manager.active_version(key_name, soon())
    return version, await manager.encrypt(version, plaintext, AAD, soon())


async def failure_of(work: Coroutine[Any, Any, Any]) -> KeyManagerFailure:
    """Return how work fails."""
    with pytest.raises(KeyManagerError) as raised:
        await work
    return raised.value.failure
