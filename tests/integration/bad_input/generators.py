"""Endless requests that are wrong in some way, the same ones for the same seed."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import botocore.loaders

from hyok.secret import Secret
from hyok.sigv4.signing import Signer
from tests.fuzz.test_fuzz import mutate

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 1e308, 1.5),
    *("", "A", "====", "A" * 5000, "\x00", "é" * 3000, "-", "😀", "\ufeff", "0", "alias/x", "../..", "arn:aws:kms:::"),
    *("AES_GCM", "SHA_256", "AES_256"),
    *([], [None], [[[]]], {}, {"a": {}}),
)
METHODS = (b"GET", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH")
ODD_HEADERS = (
    b"x-odd: " + b"v" * 3000,
    b"content-type: text/plain",
    b"expect: 100-continue",
    b"transfer-encoding: gzip",
    b"x-amz-date: yesterday",
    b"accept-encoding: gzip, br, zstd",
    b"connection: close",
    b"x-\xff\xfe: \xff",
    b"range: bytes=0-",
    b"upgrade: h2c",
)


class Request(NamedTuple):
    """Bytes for the wire."""

    raw: bytes
    is_head: bool
    """Whether it is a HEAD request, whose answer has no body."""


def spoil(value: Any, source: random.Random) -> Any:
    """Return a JSON value with something about it changed."""
    match value:
        case dict() if value and source.random() < 0.9:
            key = source.choice(sorted(value))
            changed = dict(value)
            match source.randrange(4):
                case 0:
                    del changed[key]
                case 1:
                    changed[source.choice(("", "x", key.upper(), "__proto__", "é"))] = source.choice(ODD_VALUES)
                case _:
                    changed[key] = spoil(value[key], source)
            return changed
        case list() if value and source.random() < 0.7:
            return [*value[1:], spoil(value[0], source)]
        case str() if value and source.random() < 0.6:
            return mutate(value.encode(), source).decode("utf-8", "replace")
        case _:
            return source.choice(ODD_VALUES)


def spoil_body(body: Any, source: random.Random) -> bytes:
    """Return an encoded body: spoilt as JSON, as text, or as bytes."""
    match source.randrange(10):
        case 0:
            return mutate(json.dumps(body).encode(), source)
        case 1:
            return source.randbytes(source.randrange(300))
        case 2:
            return b"[" * source.choice((10, 1000, 40_000))
        case 3:
            return json.dumps(body).encode() + source.choice((b" ", b"x", b"{}", b"\x00"))
        case _:
            for _ in range(source.randint(0, 3)):
                body = spoil(body, source)
            return json.dumps(body).encode()


class XksRequests:
    """Requests to the proxy: most of them signed after they were spoilt, so that they get past authentication."""

    def __init__(
        self, *, access_key_id: str, secret: str, uri_path: str, key_id: str, host: str, now: Callable[[], float]
    ) -> None:
        self._signer = Signer(
            access_key_id=access_key_id, secret=Secret(secret.encode()), region="eu-central-1", service="kms-xks-proxy"
        )
        self._uri_path = uri_path
        self._key_id = key_id
        self._host = host.encode()
        self._now = now

    def generate(self, source: random.Random) -> Iterator[Request]:
        """Yield requests for ever."""
        while True:
            yield self._request(source)

    def _request(self, source: random.Random) -> Request:
        operation, body = source.choice(self._valid_bodies())
        path = (
            f"{self._uri_path}/health" if operation == "health" else f"{self._uri_path}/keys/{self._key_id}/{operation}"
        )
        target = path.encode()
        if source.random() < 0.1:
            target = mutate(target, source).replace(b" ", b"%20").replace(b"\r", b"").replace(b"\n", b"") or b"/"
        method = source.choice(METHODS) if source.random() < 0.05 else b"POST"
        encoded = spoil_body(body, source)
        headers = [(b"host", self._host)]
        if source.random() < 0.95:
            skew = source.choice((0, 0, 0, 0, 0, 0, 400, -400))
            headers += self._signer.sign(
                method=method, target=target, headers=headers, body=encoded, now=self._now() + skew
            )
        return _on_the_wire(method, target, headers, encoded, source)

    def _valid_bodies(self) -> Sequence[tuple[str, dict[str, Any]]]:
        metadata = {
            "awsPrincipalArn": "arn:aws:iam::123456789012:user/Alice",
            "kmsOperation": "Encrypt",
            "kmsRequestId": "4112f4d6-db54-4af4-ae30-c55a22a8dfae",
            "kmsKeyArn": "arn:aws:kms:us-east-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "kmsViaService": "ebs",
        }
        text = base64.b64encode(bytes(48)).decode()
        return (
            ("metadata", {"requestMetadata": metadata}),
            ("health", {"requestMetadata": metadata}),
            (
                "encrypt",
                {
                    "requestMetadata": metadata,
                    "plaintext": text,
                    "encryptionAlgorithm": "AES_GCM",
                    "additionalAuthenticatedData": text,
                    "ciphertextDataIntegrityValueAlgorithm": "SHA_256",
                },
            ),
            (
                "decrypt",
                {
                    "requestMetadata": metadata,
                    "ciphertext": text,
                    "encryptionAlgorithm": "AES_GCM",
                    "additionalAuthenticatedData": text,
                    "initializationVector": base64.b64encode(bytes(12)).decode(),
                    "authenticationTag": base64.b64encode(bytes(16)).decode(),
                    "ciphertextMetadata": base64.b64encode(b"\x01\x00\x00\x00\x01").decode(),
                },
            ),
        )


class KmsRequests:
    """Calls of every operation of the AWS KMS API, with inputs made after the model and then spoilt."""

    def __init__(self, *, host: str, key_id: str) -> None:
        self._host = host.encode()
        self._key_id = key_id
        model = botocore.loaders.Loader().load_service_model("kms", "service-2")
        self._shapes: dict[str, Any] = model["shapes"]
        self._operations: dict[str, Any] = model["operations"]

    def generate(self, source: random.Random) -> Iterator[Request]:
        """Yield requests for ever."""
        while True:
            yield self._request(source)

    def _request(self, source: random.Random) -> Request:
        operation = source.choice(sorted(self._operations))
        shape = self._operations[operation].get("input", {}).get("shape")
        body = {} if shape is None else self._value(shape, source)
        encoded = spoil_body(body, source)
        target = f"TrentService.{operation}" if source.random() < 0.97 else source.choice(("", "x", "TrentService."))
        headers = [
            (b"host", self._host),
            (b"content-type", b"application/x-amz-json-1.1"),
            (b"x-amz-target", target.encode()),
        ]
        if source.random() < 0.97:
            scope = b"AKIDEXAMPLE/20261124/eu-central-1/kms/aws4_request"
            headers.append(
                (
                    b"authorization",
                    b"AWS4-HMAC-SHA256 Credential=%b, SignedHeaders=host;x-amz-date, Signature=%b" % (scope, b"0" * 64),
                )
            )
        method = source.choice(METHODS) if source.random() < 0.03 else b"POST"
        return _on_the_wire(method, b"/", headers, encoded, source)

    def _value(self, name: str, source: random.Random) -> Any:
        shape = self._shapes[name]
        match shape["type"]:
            case "structure":
                members = shape["members"]
                wanted = [member for member in members if member in shape.get("required", ()) or source.random() < 0.4]
                return {
                    member: self._key_id
                    if member.endswith("KeyId") and source.random() < 0.8
                    else self._value(members[member]["shape"], source)
                    for member in wanted
                }
            case "list":
                return [self._value(shape["member"]["shape"], source) for _ in range(source.randrange(3))]
            case "map":
                return {
                    f"k{index}": self._value(shape["value"]["shape"], source) for index in range(source.randrange(3))
                }
            case "string":
                return source.choice(shape["enum"]) if "enum" in shape else source.choice(("alias/a", "x" * 20, "{}"))
            case "blob":
                return base64.b64encode(source.randbytes(source.randrange(200))).decode()
            case "boolean":
                return source.random() < 0.5
            case "timestamp":
                return source.random() * 2e9
            case _:
                return source.choice((0, 1, 7, 30, 32, 100, 5000))


def _on_the_wire(
    method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes, source: random.Random
) -> Request:
    lines = [method + b" " + target + b" HTTP/1.1", *(name + b": " + value for name, value in headers)]
    if source.random() < 0.05:
        lines.append(source.choice(ODD_HEADERS))
    lines.append(b"content-length: %d" % len(body))
    head = b"\r\n".join(lines)
    if source.random() < 0.03:
        head = mutate(head, source)
    return Request(head + b"\r\n\r\n" + body, method == b"HEAD")
