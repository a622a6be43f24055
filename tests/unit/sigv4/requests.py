"""Requests as a server receives them, and AWS's signing suite."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hyok.secret import Secret
from hyok.sigv4.canonical import encode_parameter, hash_payload
from hyok.sigv4.signing import Signer

Headers = tuple[tuple[bytes, bytes], ...]

NOW = 1_440_938_160.0
"""2015-08-30T12:36:00Z, the instant of the whole suite."""

_SUITE = Path(__file__).parents[2] / "vectors" / "sigv4.json"


@dataclass
class Received:
    """What the verifier sees."""

    method: bytes = b"POST"
    target: bytes = b"/tenant/kms/xks/v1/keys/key-1/encrypt"
    host: bytes = b"xks.example.com"
    amz_date: bytes = b""
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: bytes = b"{}"

    def with_headers(self, *headers: tuple[bytes, bytes]) -> Received:
        """Add headers, as a client does that signs, and pick x-amz-date as the transport does."""
        added = (*self.headers, *headers)
        return Received(self.method, self.target, self.host, dict(added).get(b"x-amz-date", b""), added, self.body)


@dataclass(frozen=True)
class Vector:
    """One case of AWS's suite."""

    name: str
    case: dict[str, Any] = field(repr=False)

    @property
    def request(self) -> Received:
        """The request before it is signed, with the headers that the case's context adds."""
        head, _, body = self.case["request"].partition("\n\n")
        lines = head.strip("\n").replace("\n ", "\r ").split("\n")
        method, target = lines[0].removesuffix(" HTTP/1.1").split(" ", 1)
        headers = [self._header(line) for line in lines[1:]]
        return Received(method.encode(), target.encode(), dict(headers)[b"host"], b"", tuple(headers), body.encode())

    @staticmethod
    def _header(line: str) -> tuple[bytes, bytes]:
        name, _, value = line.partition(":")
        return name.lower().encode(), value.replace("\r", "\r\n").encode()

    @property
    def header_form(self) -> Received:
        """With the headers that belong to the header form, but for the date."""
        request = self.request
        headers = [*request.headers]
        if self._token:
            headers.append((b"x-amz-security-token", self._token))
        if self.context["sign_body"]:
            headers.append((b"x-amz-content-sha256", hash_payload(request.body)))
        return Received(request.method, request.target, request.host, b"", tuple(headers), request.body)

    @property
    def query_form(self) -> Received:
        """With the session token in the query."""
        request = self.request
        if self._token:
            separator = b"&" if b"?" in request.target else b"?"
            request.target += separator + b"X-Amz-Security-Token=" + encode_parameter(self._token)
        return request

    @property
    def context(self) -> dict[str, Any]:
        return dict(self.case["context"])

    @property
    def normalize_path(self) -> bool:
        return bool(self.context["normalize"])

    @property
    def service(self) -> bytes:
        return str(self.context["service"]).encode()

    @property
    def now(self) -> float:
        return datetime.fromisoformat(self.context["timestamp"]).timestamp()

    @property
    def secret(self) -> Secret:
        return Secret(self.context["credentials"]["secret_access_key"].encode())

    @property
    def signer(self) -> Signer:
        return Signer(
            access_key_id=self.context["credentials"]["access_key_id"],
            secret=self.secret,
            region=self.context["region"],
            service=self.context["service"],
            normalize_path=self.normalize_path,
        )

    @property
    def _token(self) -> bytes:
        if self.context.get("omit_session_token"):
            return b""
        return str(self.context["credentials"].get("token", "")).encode()


VECTORS = [Vector(case["name"], case) for case in json.loads(_SUITE.read_text())["cases"]]

each_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
