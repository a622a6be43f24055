"""Both sides as an operator runs them: `hyok init`, `hyok proxy serve`, `hyok kms serve`, each a process of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import botocore.config

from benchmarks.machine import free_port
from tests.e2e.gate import Gate

HYOK = Path(sys.executable).with_name("hyok")
HOST = "xks.hyok.test"
OTHER_HOST = "other.hyok.test"
"""Leads to the same proxy, whose certificate does not name it."""
EXPIRED_HOST = "expired.hyok.test"
"""Leads to a server whose certificate has expired."""
NOBODY_HOST = "nobody.hyok.test"
"""Leads to a port where nothing listens."""
REGION = "eu-central-1"


class Credential(NamedTuple):
    access_key_id: str
    secret_access_key: str

    def as_parameter(self) -> dict[str, str]:
        return {"AccessKeyId": self.access_key_id, "RawSecretAccessKey": self.secret_access_key}


class Deployment(NamedTuple):
    """Both sides, running."""

    holder: Path
    kms: Path
    endpoint: str
    proxy_port: int
    gate: Gate
    credential: Credential
    uri_path: str
    external_key_id: str

    def hyok(self, *arguments: str) -> Any:
        """Run a command of the holder's and return what it prints as JSON."""
        command: list[str | Path] = [HYOK, "--config", self.holder / "hyok.toml", *arguments]
        finished = subprocess.run(command, capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout) if "json" in arguments else finished.stdout

    def client(self, service: str = "kms", *, access_key_id: str = "test") -> Any:
        """Return an unmodified boto3 client that does not hide failures by trying again."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id=access_key_id,
            aws_secret_access_key="any",
            config=botocore.config.Config(retries={"total_max_attempts": 1}),
        )

    def store_parameters(self, name: str, *, host: str = HOST) -> dict[str, Any]:
        """Return what CreateCustomKeyStore takes."""
        return {
            "CustomKeyStoreName": name,
            "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
            "XksProxyConnectivity": "PUBLIC_ENDPOINT",
            "XksProxyUriEndpoint": f"https://{host}",
            "XksProxyUriPath": self.uri_path,
            "XksProxyAuthenticationCredential": self.credential.as_parameter(),
        }


def await_state(client: Any, store_id: str, *states: str) -> dict[str, Any]:
    """Poll as a client must; returns the store's description once it is in one of the states."""
    for _ in range(200):
        store: dict[str, Any] = client.describe_custom_key_stores(CustomKeyStoreId=store_id)["CustomKeyStores"][0]
        if store["ConnectionState"] in states:
            return store
        time.sleep(0.05)
    raise AssertionError(f"the store is {store['ConnectionState']}, not one of {states}")


def await_connected(client: Any, store_id: str) -> None:
    """Connect a store and wait until it is."""
    client.connect_custom_key_store(CustomKeyStoreId=store_id)
    assert await_state(client, store_id, "CONNECTED", "FAILED")["ConnectionState"] == "CONNECTED"


@contextmanager
def deployment(
    directory: Path, *, expired_port: int = 0, more_authorities: str = "", kms_settings: str = ""
) -> Iterator[Deployment]:
    """Set both sides up in `directory` and run them for the length of the block.

    `more_authorities` are trusted by the KMS besides the proxy's own (PEM). `kms_settings` are sections for its
    configuration, in which GATE stands for the address of the way to the proxy.
    """
    directory.mkdir(exist_ok=True)
    holder, kms = directory / "holder", directory / "kms"
    command: list[str | Path] = [HYOK, "init", holder, "--with-kms", kms, "--output", "json"]
    start = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    proxy_port, kms_port = free_port(), free_port()
    gate = Gate(proxy_port)
    _rewrite(holder / "hyok.toml", {"127.0.0.1:8443": f"127.0.0.1:{proxy_port}"})
    _rewrite(
        kms / "hyok.toml",
        {
            "127.0.0.1:4580": f"127.0.0.1:{kms_port}",
            "[kms]": '[kms]\nsignatures = "any-credentials"',
            "127.0.0.1:8443": f"127.0.0.1:{gate.port}",
        },
    )
    with (kms / "hyok.toml").open("a") as file:
        file.write(f'"{OTHER_HOST}" = "127.0.0.1:{gate.port}"\n"{NOBODY_HOST}" = "127.0.0.1:{free_port()}"\n')
        if expired_port:
            file.write(f'"{EXPIRED_HOST}" = "127.0.0.1:{expired_port}"\n')
        file.write(kms_settings.replace("GATE", f"127.0.0.1:{gate.port}"))
    with (kms / "xks-ca.pem").open("a") as file:
        file.write(more_authorities)
    with served("proxy", holder, proxy_port), served("kms", kms, kms_port):
        yield Deployment(
            holder,
            kms,
            f"http://127.0.0.1:{kms_port}",
            proxy_port,
            gate,
            Credential(start["credential"]["access_key_id"], start["credential"]["secret_access_key"]),
            start["keystore"]["uri_path"],
            start["external_key_id"],
        )
    gate.close()


@contextmanager
def served(service: str, directory: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of the two services until the block ends; its standard error goes to `<service>.log` beside it."""
    with (directory.parent / f"{service}.log").open("ab") as log:
        process = subprocess.Popen(
            [HYOK, service, "serve", "--config", directory / "hyok.toml"], stdout=log, stderr=log
        )
    try:
        await_port(port, process)
        yield process
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0


def await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until something listens on a port."""
    for _ in range(400):
        assert process.poll() is None, f"the server ended with status {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing listens on port {port}")


def _rewrite(file: Path, replacements: dict[str, str]) -> None:
    text = file.read_text()
    for present, wanted in replacements.items():
        assert present in text
        text = text.replace(present, wanted)
    file.write_text(text)
