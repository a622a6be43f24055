"""An external key store proxy over real TLS that behaves well, until a test scripts one of its answers."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hyok.xks.aad import frame_aad
from hyok.xks.integrity import integrity_value

METADATA = b"\x01\x00\x00\x00\x01"
OPERATIONS = {"metadata": "GetKeyMetadata", "encrypt": "Encrypt", "decrypt": "Decrypt", "health": "GetHealthStatus"}


class Asked(NamedTuple):
    """A request as it arrived."""

    path: str
    head: bytes
    body: dict[str, Any]

    @property
    def operation(self) -> str:
        return OPERATIONS[self.path.rpartition("/")[2]]


class Answer(NamedTuple):
    """What is sent back."""

    status: int
    body: bytes
    is_raw: bool = False
    """Whether the body is all that is sent, without a head of ours."""

    @classmethod
    def raw(cls, sent: bytes) -> Answer:
        return cls(0, sent, is_raw=True)

    @classmethod
    def of(cls, content: object, status: int = 200) -> Answer:
        return cls(status, json.dumps(content, default=lambda blob: base64.b64encode(blob).decode()).encode())


Behaviour = Callable[[Asked], Awaitable[Answer | None]]
"""How a request is answered; None cuts the connection."""


def error(name: str, status: int) -> Behaviour:
    async def behave(_asked: Asked) -> Answer:
        return Answer.of({"errorName": name, "errorMessage": "SECRET-WORDS-OF-THE-PROXY"}, status)

    return behave


def answer(status: int, body: bytes) -> Behaviour:
    async def behave(_asked: Asked) -> Answer:
        return Answer(status, body)

    return behave


async def hang(_asked: Asked) -> Answer | None:
    await asyncio.sleep(30)
    return None


async def reset(_asked: Asked) -> Answer | None:
    return None


class MisbehavingProxy:
    """The server. `script` says how each operation is answered; what it does not name is answered well."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.asked: list[Asked] = []
        self.script: dict[str, Behaviour] = {}
        self.keys = {"key-1": AESGCM(bytes(range(32)))}
        self.port = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything; `start` opens the same port again."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                asked = await _read(reader)
                self.asked.append(asked)
                response = await self.script.get(asked.operation, self.behave_well)(asked)
                if response is None:
                    return
                head = f"HTTP/1.1 {response.status} X\r\ncontent-length: {len(response.body)}\r\n\r\n"
                writer.write(response.body if response.is_raw else head.encode() + response.body)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def behave_well(self, asked: Asked) -> Answer:
        """Answer as a proxy should."""
        match asked.operation:
            case "GetHealthStatus":
                return self.healthy()
            case "GetKeyMetadata":
                return Answer.of({"keySpec": "AES_256", "keyUsage": ["DECRYPT", "ENCRYPT"], "keyStatus": "ENABLED"})
            case "Encrypt":
                return Answer.of(self.encrypted(asked))
            case _:
                return self._decrypted(asked)

    def healthy(self, *states: str) -> Answer:
        """A good answer to GetHealthStatus, with these states of the key manager's instances."""
        return Answer.of(
            {
                "xksProxyFleetSize": 1,
                "xksProxyVendor": "tests",
                "xksProxyModel": "misbehaving",
                "ekmVendor": "tests",
                "ekmFleetDetails": [
                    {"id": str(number), "model": "m", "healthStatus": state}
                    for number, state in enumerate(states or ("ACTIVE",))
                ],
            }
        )

    def encrypted(self, asked: Asked) -> dict[str, bytes]:
        """A good answer to Encrypt, for a test to spoil."""
        iv, plaintext, aad = os.urandom(12), _blob(asked, "plaintext"), _blob(asked, "additionalAuthenticatedData")
        sealed = self._key(asked).encrypt(iv, plaintext, frame_aad(aad, METADATA))
        return with_integrity_value(
            asked,
            {
                "ciphertext": sealed[:-16],
                "initializationVector": iv,
                "authenticationTag": sealed[-16:],
                "ciphertextMetadata": METADATA,
            },
        )

    def _decrypted(self, asked: Asked) -> Answer:
        sealed = _blob(asked, "ciphertext") + _blob(asked, "authenticationTag")
        aad = frame_aad(_blob(asked, "additionalAuthenticatedData"), _blob(asked, "ciphertextMetadata"))
        try:
            return Answer.of({"plaintext": self._key(asked).decrypt(_blob(asked, "initializationVector"), sealed, aad)})
        except InvalidTag:
            return Answer.of({"errorName": "InvalidCiphertextException"}, 400)

    def _key(self, asked: Asked) -> AESGCM:
        return self.keys[asked.path.split("/")[-2]]


def with_integrity_value(asked: Asked, encrypted: dict[str, bytes]) -> dict[str, bytes]:
    """Give an answer to Encrypt the integrity value that its parts have."""
    value = integrity_value(
        _blob(asked, "additionalAuthenticatedData"),
        encrypted.get("ciphertextMetadata", b""),
        encrypted["initializationVector"],
        encrypted["ciphertext"],
        encrypted["authenticationTag"],
    )
    return {**encrypted, "ciphertextDataIntegrityValue": value}


def _blob(asked: Asked, name: str) -> bytes:
    return base64.b64decode(asked.body.get(name, ""))


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:"))
    body = await reader.readexactly(length)
    return Asked(lines[0].split()[1].decode(), head, json.loads(body))
