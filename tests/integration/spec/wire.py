"""A client of the proxy that shares no code with it: http.client, OpenSSL by way of Python, signatures by botocore."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.e2e.processes import Credential
from tests.unit.proxy.stage import metadata, to_base64

SECONDS = 10.0
LATE = 503
"""DependencyTimeoutException: the request's deadline of some tenths of a second has passed."""


class Answer(NamedTuple):
    """What a client sees."""

    status: int
    content: Any
    """Decoded if it is JSON, else bytes."""
    headers: Mapping[str, str]


class WireClient:
    """One connection, opened again if the server has closed it."""

    def __init__(self, port: int, tls: ssl.SSLContext, *, credential: Credential, uri_path: str) -> None:
        self.connection = http.client.HTTPSConnection("localhost", port, timeout=SECONDS, context=tls)
        self.credential = credential
        self.uri_path = uri_path
        self.host = f"localhost:{port}"

    def close(self) -> None:
        """End the connection."""
        self.connection.close()

    def ask(
        self,
        path: str,
        content: object,
        *,
        method: str = "POST",
        service: str = "kms-xks-proxy",
        region: str = "eu-central-1",
    ) -> Answer:
        """Send a signed request below the key store's URI path and read the answer."""
        body = encode(content)
        headers = self._sign(path, body, method=method, service=service, region=region)
        return self.send(method, self.uri_path + path, body, headers)

    def ask_in_time(self, path: str, content: object) -> Answer:
        """Ask until the answer comes by the deadline, for tests of other things: as callers of AWS KMS ask again.

        A request that waits for more than memory can be late on a machine that does a lot else.
        """
        give_up_at = time.monotonic() + SECONDS
        while (answer := self.ask(path, content)).status == LATE and time.monotonic() < give_up_at:
            pass
        return answer

    def signed_bytes(self, path: str, content: object) -> bytes:
        """Return a signed POST as it goes over the wire, to be sent any number of times for five minutes."""
        body = encode(content)
        signed = self._sign(path, body, method="POST", service="kms-xks-proxy", region="eu-central-1")
        headers = {"Host": self.host, "Content-Length": str(len(body)), **signed}
        lines = [f"POST {self.uri_path}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def _sign(self, path: str, body: bytes, *, method: str, service: str, region: str) -> dict[str, str]:
        url = f"https://{self.host}{self.uri_path}{path}"
        request = AWSRequest(method, url, {"content-type": "application/json"}, body)
        SigV4Auth(Credentials(*self.credential), service, region).add_auth(request)
        return dict(request.headers)

    def send(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a request as it is given and read the answer."""
        self.connection.request(method, target, body, dict(headers))
        response = self.connection.getresponse()
        answered = response.read()
        is_json = response.headers.get_content_type() == "application/json" and answered
        headers_read = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, json.loads(answered) if is_json else answered, headers_read)

    def encrypt(self, key_id: str, plaintext: bytes = b"a data key", **changes: Any) -> Answer:
        """Ask for an Encrypt with an integrity value; `changes` are members of the body."""
        return self.ask(f"/keys/{key_id}/encrypt", encrypt_content(plaintext, **changes))

    def decrypt(self, key_id: str, encrypted: Mapping[str, Any], **changes: Any) -> Answer:
        """Ask for the Decrypt of what an Encrypt answered; `changes` are members of the body."""
        return self.ask(f"/keys/{key_id}/decrypt", decrypt_content(encrypted, **changes))

    def describe(self, key_id: str, **changes: Any) -> Answer:
        """Ask for a key's metadata; `changes` are members of requestMetadata."""
        return self.ask(
            f"/keys/{key_id}/metadata", {"requestMetadata": metadata(**{"kmsOperation": "CreateKey"} | changes)}
        )

    def check_health(self) -> Answer:
        """Ask how the proxy is."""
        return self.ask("/health", HEALTH_CONTENT)


def encode(content: object) -> bytes:
    """Return a body: bytes as they are, anything else as JSON."""
    return content if isinstance(content, bytes) else json.dumps(content).encode()


HEALTH_CONTENT = {"requestMetadata": {"kmsRequestId": "4112f4d6", "kmsOperation": "KmsHealthCheck"}}


def encrypt_content(plaintext: bytes = b"a data key", **changes: Any) -> dict[str, Any]:
    """Return the body of an Encrypt with an integrity value."""
    return {
        "requestMetadata": metadata(),
        "plaintext": to_base64(plaintext),
        "encryptionAlgorithm": "AES_GCM",
        "ciphertextDataIntegrityValueAlgorithm": "SHA_256",
        **changes,
    }


def decrypt_content(encrypted: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the body of the Decrypt of what an Encrypt answered."""
    return {
        "requestMetadata": metadata(kmsOperation="Decrypt"),
        "encryptionAlgorithm": "AES_GCM",
        **{name: value for name, value in encrypted.items() if name != "ciphertextDataIntegrityValue"},
        **changes,
    }


def eventually(holds: Callable[[], bool], *, seconds: float = 5.0) -> float:
    """Return after how long something held, as of the beginning of the look that saw it; fails after `seconds`."""
    began = looked = time.monotonic()
    while not holds():
        assert looked - began < seconds
        time.sleep(0.02)
        looked = time.monotonic()
    return looked - began
