"""Requests to a KMS as bytes on one connection, for tests that send thousands: an SDK would take too long."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from hyok.testing.dev_server import DevServer
from tests.integration.bad_input.client import RawClient
from tests.unit.kms.modelled import assert_conforms, assert_known


class WireAnswer(NamedTuple):
    """What came back."""

    status: int
    document: dict[str, Any]

    @property
    def refusal(self) -> tuple[str, str | None, int]:
        """Exception, text and HTTP status of an error."""
        assert self.status != 200, "the request succeeded"
        text = self.document.get("message", self.document.get("Message"))  # AccessDeniedException alone has a capital M
        return self.document["__type"], text, self.status


class KmsWire:
    """Sends requests to a KMS that takes any credentials."""

    def __init__(self, client: RawClient, host: str, *, access_key_id: str, region: str) -> None:
        self._client = client
        self._head = (
            f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-amz-json-1.1\r\n"
            "X-Amz-Date: 20261124T060000Z\r\n"
            f"Authorization: AWS4-HMAC-SHA256 Credential={access_key_id}/20261124/{region}/kms/aws4_request, "
            f"SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={'0' * 64}\r\n"
        )

    def ask(self, operation: str, request: Mapping[str, Any]) -> WireAnswer:
        """Send one request; bytes become Base64."""
        body = json.dumps(request, default=lambda value: base64.b64encode(value).decode()).encode()
        head = f"{self._head}X-Amz-Target: TrentService.{operation}\r\nContent-Length: {len(body)}\r\n\r\n"
        answer = self._client.exchange(head.encode() + body)
        document = json.loads(answer.body) if answer.body else {}
        if answer.status != 200:
            assert_known(operation, document["__type"])
        else:
            assert_conforms(operation, document)
        return WireAnswer(answer.status, document)


@contextmanager
def kms_wire(server: DevServer, *, access_key_id: str = "test", region: str = "") -> Iterator[KmsWire]:
    """Open a connection to the KMS of `hyok dev` for the length of the block, in its Region or another."""
    address = urlsplit(server.endpoint)
    assert address.port is not None
    client = RawClient(address.port, tls=None, server_name="")
    try:
        yield KmsWire(client, address.netloc, access_key_id=access_key_id, region=region or server.region)
    finally:
        client.close()
