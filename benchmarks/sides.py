"""The servers under measurement, set up by `hyok init` as an operator would, each a process of its own."""

from __future__ import annotations

import http.client
import json
import ssl
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import run
from typing import NamedTuple

from benchmarks.machine import free_port, pinned_server
from benchmarks.wrk import FixedRequest
from hyok.clock import SystemClock
from hyok.secret import Secret
from hyok.sigv4.signing import sign

HYOK = Path(sys.executable).with_name("hyok")
HOST = "xks.hyok.test"
BODY_BYTES = 754


class Sides(NamedTuple):
    """Both sides on disk, and how KMS signs its requests to the proxy."""

    holder: Path
    kms: Path
    access_key_id: str
    secret: Secret
    uri_path: str
    external_key_id: str
    kms_access_key_id: str
    kms_secret: Secret
    """What the KMS's first principal signs with: the root user."""

    @property
    def certificate(self) -> Path:
        """The proxy's certificate, which nginx serves with as well."""
        return self.holder / "tls/server.pem"

    @property
    def private_key(self) -> Path:
        """Its private key."""
        return self.holder / "tls/server.key"


def make_sides(directory: Path) -> Sides:
    """Make both sides anew in `directory`."""
    holder, kms = directory / "holder", directory / "kms"
    command: list[str | Path] = [HYOK, "init", holder, "--with-kms", kms, "--output", "json"]
    start = json.loads(run(command, capture_output=True, check=True).stdout)
    return Sides(
        holder,
        kms,
        start["credential"]["access_key_id"],
        Secret(start["credential"]["secret_access_key"].encode()),
        start["keystore"]["uri_path"],
        start["external_key_id"],
        start["kms_principal"]["access_key_id"],
        Secret(start["kms_principal"]["secret_access_key"].encode()),
    )


@contextmanager
def running_proxy(sides: Sides, *, core: int | None, workers: int = 1) -> Iterator[tuple[int, int]]:
    """Run `hyok proxy serve`, on one core or on all; yields its process id and port."""
    port = free_port()
    settings = f'listen = "127.0.0.1:{port}"\nworkers = {workers}\n'
    _set(sides.holder, 'listen = "127.0.0.1:8443"', settings)
    command: list[str | Path] = [HYOK, "proxy", "serve", "--config", sides.holder / "hyok.toml"]
    with pinned_server(command, port=port, core=core) as pid:
        _await_ping(sides, port)  # the parent listens before its workers serve
        yield pid, port
    _set(sides.holder, settings, 'listen = "127.0.0.1:8443"')


@contextmanager
def running_kms(sides: Sides, *, proxy_port: int, core: int) -> Iterator[tuple[int, int]]:
    """Run `hyok kms serve` against a proxy; yields its process id and port."""
    port = free_port()
    _set(sides.kms, '"127.0.0.1:4580"', f'"127.0.0.1:{port}"')
    _set(sides.kms, '"127.0.0.1:8443"', f'"127.0.0.1:{proxy_port}"')
    with pinned_server([HYOK, "kms", "serve", "--config", sides.kms / "hyok.toml"], port=port, core=core) as pid:
        yield pid, port


def encrypt_request(sides: Sides, *, port: int) -> FixedRequest:
    """Sign an Encrypt of 150 bytes with 100 bytes of AAD and an integrity value asked for: a body of 754 bytes.

    Valid for five minutes. The host is signed with its port, as wrk sends it.
    """
    metadata = {
        "awsPrincipalArn": "arn:aws:iam::123456789012:user/Alice",
        "kmsOperation": "Encrypt",
        "kmsRequestId": "4112f4d6-db54-4af4-ae30-c55a22a8dfae",
        "kmsKeyArn": "arn:aws:kms:us-east-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    }
    body = {
        "requestMetadata": metadata,
        "plaintext": "A" * 200,
        "encryptionAlgorithm": "AES_GCM",
        "additionalAuthenticatedData": "A" * 134 + "==",
        "ciphertextDataIntegrityValueAlgorithm": "SHA_256",
    }
    metadata["kmsViaService"] = "s" * (BODY_BYTES - len(_encode(body)) - len(',"kmsViaService":""'))
    assert len(_encode(body)) == BODY_BYTES
    return key_request(sides, "encrypt", body, port=port)


def key_request(sides: Sides, operation: str, body: Mapping[str, object], *, port: int) -> FixedRequest:
    """Sign a request about the key. Valid for five minutes."""
    encoded = _encode(body)
    target = f"{sides.uri_path}/keys/{sides.external_key_id}/{operation}"
    host = f"{HOST}:{port}"
    signed = sign(
        method=b"POST",
        target=target.encode(),
        headers=((b"host", host.encode()),),
        body=encoded,
        access_key_id=sides.access_key_id,
        secret=sides.secret,
        region="eu-central-1",
        service="kms-xks-proxy",
        now=SystemClock().now(),
    )
    headers = {"Host": host, "Content-Type": "application/json"}
    headers |= {name.decode(): value.decode() for name, value in signed}
    return FixedRequest(f"https://localhost:{port}{target}", headers, encoded)


def kms_request(sides: Sides, operation: str, body: Mapping[str, object], *, port: int) -> FixedRequest:
    """Make a call of the KMS API, signed as an SDK signs it. Valid for five minutes."""
    encoded = _encode(body)
    host = f"localhost:{port}"
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "Host": host,
        "X-Amz-Target": f"TrentService.{operation}",
    }
    signed = sign(
        method=b"POST",
        target=b"/",
        headers=[(name.lower().encode(), value.encode()) for name, value in headers.items()],
        body=encoded,
        access_key_id=sides.kms_access_key_id,
        secret=sides.kms_secret,
        region="eu-central-1",
        service="kms",
        now=SystemClock().now(),
    )
    return FixedRequest(f"http://{host}/", headers | {name.decode(): value.decode() for name, value in signed}, encoded)


def _await_ping(sides: Sides, port: int) -> None:
    context = ssl.create_default_context(cafile=str(sides.holder / "tls/ca.pem"))
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=30)
    connection.request("GET", "/ping")
    status = connection.getresponse().status
    connection.close()
    assert status == 200, f"/ping answered {status}"


def _encode(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _set(directory: Path, present: str, wanted: str) -> None:
    file = directory / "hyok.toml"
    text = file.read_text()
    assert present in text, f"{file} has no {present}"
    file.write_text(text.replace(present, wanted))
    tomllib.loads(file.read_text())
