"""Every way in which an external key store proxy fails its KMS, by its row in the specification's table.

Source of the rows: `tests/vectors/kms-external-failures.json`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from tests.integration.kms.misbehaving_proxy import (
    OPERATIONS,
    Answer,
    Asked,
    Behaviour,
    MisbehavingProxy,
    answer,
    error,
    hang,
    reset,
    with_integrity_value,
)

ALL: Final = frozenset(OPERATIONS.values())
KEY_OPERATIONS: Final = ALL - {"GetHealthStatus"}


class Fault(NamedTuple):
    """One fault: the row it belongs to, the XKS operations that it can befall, and how the proxy then answers.

    Without `behave` it is one of the world around the proxy, which the scene brings about by its name.
    """

    row: str
    what: str
    operations: frozenset[str] = ALL
    behave: Callable[[MisbehavingProxy], Behaviour] | None = None

    def __str__(self) -> str:
        return f"{self.row}-{self.what}".replace(" ", "-")


REFUSALS: Final = {
    "ValidationException": (400, "UNINTERPRETABLE"),
    "InvalidStateException": (400, "KEY_NOT_ENABLED"),
    "InvalidCiphertextException": (400, "CIPHERTEXT_REJECTED"),
    "InvalidKeyUsageException": (400, "KEY_USAGE_NOT_PERMITTED"),
    "AuthenticationFailedException": (401, "NOT_AUTHENTICATED"),
    "AccessDeniedException": (403, "ACCESS_DENIED"),
    "KeyNotFoundException": (404, "KEY_NOT_FOUND"),
    "InvalidUriPathException": (404, "INVALID_URI_PATH"),
    "ThrottlingException": (429, "THROTTLED"),
    "InternalException": (500, "INTERNAL"),
    "UnsupportedOperationException": (501, "UNSUPPORTED"),
    "DependencyTimeoutException": (503, "DEPENDENCY_TIMED_OUT"),
}


def faults() -> Iterator[Fault]:
    """Yield all of them."""
    for name, (status, row) in REFUSALS.items():
        yield Fault(row, name, ALL, _always(error(name, status)))
    yield Fault("KEY_NOT_FOUND", "with another status than its own", ALL, _always(error("KeyNotFoundException", 500)))
    yield from _answers_that_break_the_api()
    yield Fault("INNER_CIPHERTEXT_CORRUPTED", "another plaintext", _only("Decrypt"), _decrypting_to(bytes(20)))
    yield Fault("INNER_CIPHERTEXT_CORRUPTED", "a plaintext too short for a tag", _only("Decrypt"), _decrypting_to(b"x"))
    yield Fault("INNER_CIPHERTEXT_CORRUPTED", "an empty plaintext", _only("Decrypt"), _decrypting_to(b""))
    yield Fault("ALL_UNAVAILABLE", "every key manager down", _only("GetHealthStatus"), _unavailable)
    yield Fault("TIMED_OUT", "no answer", ALL, _always(hang))
    yield Fault("TIMED_OUT", "half an answer", ALL, _always(_half_an_answer))
    yield Fault("NO_CONNECTION", "reset", ALL, _always(reset))
    yield Fault("NO_CONNECTION", "nobody listens")
    yield Fault("NO_NETWORK", "no route")
    for certificate in ("expired", "of another name", "of another authority"):
        yield Fault("NO_TLS", f"certificate {certificate}")
    yield Fault("NO_TLS", "plain HTTP")
    yield Fault("STORE_NOT_CONNECTED", "disconnected", KEY_OPERATIONS)


def _answers_that_break_the_api() -> Iterator[Fault]:
    for what, status, body in (
        ("no JSON", 200, b"<html>welcome</html>"),
        ("no body", 200, b""),
        ("JSON cut off", 200, b'{"plaintext":"AA'),
        ("no object", 200, b"[]"),
        ("no members", 200, b"{}"),
        ("wrong status 418", 418, b"{}"),
        ("wrong status 204", 204, b""),
        ("a redirection", 301, b""),
        ("an error as a success", 200, b'{"errorName":"KeyNotFoundException"}'),
        ("an error without a name", 500, b"Internal Server Error"),
        ("an error of another API", 400, b'{"errorName":"NotFoundException"}'),
        ("a name that is no text", 400, b'{"errorName":404}'),
        ("two megabytes", 200, b'"' + bytes(2_000_000) + b'"'),
    ):
        yield Fault("UNINTERPRETABLE", what, ALL, _always(answer(status, body)))
    yield Fault("UNINTERPRETABLE", "no HTTP", ALL, _always(_no_http))
    changes: tuple[tuple[str, str, dict[str, object]], ...] = (
        ("no key spec", "GetKeyMetadata", {"keySpec": None}),
        ("a usage that is no list", "GetKeyMetadata", {"keyUsage": "ENCRYPT"}),
        ("no status of the key", "GetKeyMetadata", {"keyStatus": None}),
        ("nobody in the fleet", "GetHealthStatus", {"ekmFleetDetails": []}),
        ("an unknown health", "GetHealthStatus", {"ekmFleetDetails": [{"id": "1", "model": "m", "healthStatus": "?"}]}),
        ("no vendor", "GetHealthStatus", {"ekmVendor": None}),
        ("a plaintext that is no Base64", "Decrypt", {"plaintext": "*"}),
        ("no plaintext", "Decrypt", {"plaintext": None}),
        ("no ciphertext", "Encrypt", {"ciphertext": None}),
        ("no integrity value", "Encrypt", {"ciphertextDataIntegrityValue": None}),
        ("a wrong integrity value", "Encrypt", {"ciphertextDataIntegrityValue": bytes(32)}),
        ("a short integrity value", "Encrypt", {"ciphertextDataIntegrityValue": bytes(31)}),
    )
    for what, operation, changed in changes:
        yield Fault("UNINTERPRETABLE", what, _only(operation), _changing(changed))
    # Wrong in itself, but with the integrity value that belongs to it.
    for what, part, size in (
        ("a short ciphertext", "ciphertext", 3),
        ("a long ciphertext", "ciphertext", 900),
        ("a tag of 15 bytes", "authenticationTag", 15),
        ("a tag of 17 bytes", "authenticationTag", 17),
        ("an IV of 11 bytes", "initializationVector", 11),
        ("an IV of 17 bytes", "initializationVector", 17),
        ("21 bytes of metadata", "ciphertextMetadata", 21),
    ):
        yield Fault("UNINTERPRETABLE", what, _only("Encrypt"), _spoiling(part, size))


def _only(operation: str) -> frozenset[str]:
    return frozenset({operation})


def _always(behaviour: Behaviour) -> Callable[[MisbehavingProxy], Behaviour]:
    return lambda _: behaviour


def _changing(changed: dict[str, object]) -> Callable[[MisbehavingProxy], Behaviour]:
    """A good answer with members changed, or taken out where they become None."""

    def behaving(proxy: MisbehavingProxy) -> Behaviour:
        async def behave(asked: Asked) -> Answer:
            good = json.loads((await proxy.behave_well(asked)).body)
            return Answer.of({name: value for name, value in {**good, **changed}.items() if value is not None})

        return behave

    return behaving


def _spoiling(part: str, size: int) -> Callable[[MisbehavingProxy], Behaviour]:
    def behaving(proxy: MisbehavingProxy) -> Behaviour:
        async def behave(asked: Asked) -> Answer:
            return Answer.of(with_integrity_value(asked, {**proxy.encrypted(asked), part: bytes(size)}))

        return behave

    return behaving


def _decrypting_to(plaintext: bytes) -> Callable[[MisbehavingProxy], Behaviour]:
    return _changing({"plaintext": plaintext})


def _unavailable(proxy: MisbehavingProxy) -> Behaviour:
    async def behave(_asked: Asked) -> Answer:
        return proxy.healthy("UNAVAILABLE", "UNAVAILABLE")

    return behave


async def _no_http(_asked: Asked) -> Answer:
    return Answer.raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


async def _half_an_answer(_asked: Asked) -> Answer:
    return Answer.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")


async def serve_plain_http(port: int) -> asyncio.Server:
    """Answer on a port as a web server without TLS does."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", port)
