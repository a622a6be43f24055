"""The Transit secrets engine of a cluster, as requests that carry a token."""

from __future__ import annotations

from collections.abc import Sequence

from hyok.clock import Deadline
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import Sealed
from hyok.keymanagers.tasks import OwnTasks
from hyok.keymanagers.transit.client import Request, TransitClient
from hyok.keymanagers.transit.session import Session
from hyok.keymanagers.transit.setup import TransitSetup, is_key_name
from hyok.keymanagers.transit.wire import (
    Answer,
    DecryptItem,
    EncryptItem,
    KeyProperties,
    ServerHealth,
    decode_decrypted,
    decode_done,
    decode_encrypted,
    decode_health,
    decode_key,
    decode_key_names,
    encode_batch,
    encode_fields,
)
from hyok.secret import Secret


class TransitApi:
    """What the rest of this package asks of the servers. Every method raises KeyManagerError and runs in a task."""

    def __init__(self, setup: TransitSetup, tasks: OwnTasks) -> None:
        """Begin to log in. Needs a running loop."""
        self._client = TransitClient(setup)
        self._session = Session(self._client, setup.login, tasks)
        self._mount = f"/v1/{setup.mount}"
        tasks.spawn(self._session.keep_valid())

    @property
    def servers(self) -> tuple[str, ...]:
        """The base URLs of all servers."""
        return self._client.servers

    async def encrypt(
        self, key_name: str, items: Sequence[EncryptItem], deadline: Deadline, *, server: str = ""
    ) -> list[Sealed | KeyManagerError]:
        """Encrypt a batch; an item's error stands in its place. With `server`, this one is asked and no other."""
        request = Request("POST", self._path("encrypt", key_name), encode_batch(items))
        return decode_encrypted(await self._ask(request, deadline, server), items)

    async def decrypt(
        self, key_name: str, items: Sequence[DecryptItem], deadline: Deadline, *, server: str = ""
    ) -> list[bytes | KeyManagerError]:
        """Decrypt a batch; an item's error stands in its place. With `server`, this one is asked and no other."""
        request = Request("POST", self._path("decrypt", key_name), encode_batch(items))
        return decode_decrypted(await self._ask(request, deadline, server), items)

    async def read_key(self, key_name: str, deadline: Deadline) -> KeyProperties:
        """Read a key's properties. KEY_NOT_FOUND if there is none."""
        return decode_key(await self._ask(Request("GET", self._path("keys", key_name)), deadline))

    async def list_keys(self, deadline: Deadline) -> tuple[str, ...]:
        """Return the names of all keys, of whatever type."""
        return decode_key_names(await self._ask(Request("GET", f"{self._mount}/keys?list=true"), deadline))

    async def create_key(self, key_name: str, key_type: str, deadline: Deadline) -> tuple[str, ...]:
        """Create a key; a warning in the result if there was one already, which then stays as it is."""
        body = encode_fields({"type": key_type})
        return await self._change(Request("POST", self._path("keys", key_name), body, is_repeatable=False), deadline)

    async def rotate_key(self, key_name: str, deadline: Deadline) -> None:
        """Add a version to a key."""
        path = f"{self._path('keys', key_name)}/rotate"
        await self._change(Request("POST", path, b"{}", is_repeatable=False), deadline)

    async def soft_delete_key(self, key_name: str, deadline: Deadline) -> None:
        """Refuse all use of a key until it is restored. OpenBao only."""
        await self._change(Request("DELETE", f"{self._path('keys', key_name)}/soft-delete"), deadline)

    async def restore_key(self, key_name: str, deadline: Deadline) -> None:
        """Undo a soft-deletion. OpenBao only."""
        await self._change(Request("POST", f"{self._path('keys', key_name)}/soft-delete-restore", b"{}"), deadline)

    async def read_health(self, server: str, deadline: Deadline) -> ServerHealth:
        """Ask one server how it is; no token is needed."""
        request = Request("GET", "/v1/sys/health", is_in_namespace=False)
        return decode_health(await self._client.ask(server, request, None, deadline))

    async def check_token(self, server: str, deadline: Deadline) -> None:
        """Ask one server whether it takes the token."""
        decode_done(await self._ask(Request("GET", "/v1/auth/token/lookup-self"), deadline, server))

    async def aclose(self) -> None:
        """Close all connections. The token is left to expire."""
        await self._client.aclose()

    def _path(self, collection: str, key_name: str) -> str:
        if not is_key_name(key_name):
            # Not sent: in a path it could lead anywhere.
            raise KeyManagerError(KeyManagerFailure.KEY_NOT_FOUND, f"Transit has no keys of the name {key_name!r}")
        return f"{self._mount}/{collection}/{key_name}"

    async def _change(self, request: Request, deadline: Deadline) -> tuple[str, ...]:
        return decode_done(await self._ask(request, deadline))

    async def _ask(self, request: Request, deadline: Deadline, server: str = "") -> Answer:
        token = await self._session.token(deadline)
        answer = await self._send(request, token.secret, deadline, server)
        if answer.status != 403:
            return answer
        another = await self._session.replace(token, deadline)
        return answer if another is None else await self._send(request, another.secret, deadline, server)

    async def _send(self, request: Request, token: Secret, deadline: Deadline, server: str) -> Answer:
        if server:
            return await self._client.ask(server, request, token, deadline)
        return await self._client.exchange(request, token, deadline)
