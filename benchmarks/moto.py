"""moto's KMS from PyPI, the yardstick for what a KMS in Python costs. It looks at no signature and at no policy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import botocore.session

from benchmarks.machine import free_port, pinned_server, spent
from benchmarks.wrk import FixedRequest, load

_SERVER = Path(__file__).parent.parent / ".venv-moto/bin/moto_server"


def price(directory: Path, body: Mapping[str, object], *, seconds: float) -> float:
    """Return the CPU µs of one GenerateDataKey on moto's local key, 16 connections, one core."""
    if not _SERVER.exists():
        raise RuntimeError(f"{_SERVER} is not there; scripts/bench makes it")
    port = free_port()
    with pinned_server([_SERVER, "-p", str(port)], port=port, is_silent=True) as pid:
        encoded = json.dumps({"KeyId": _create_key(port), **body}).encode()
        request = FixedRequest(f"http://127.0.0.1:{port}/", _HEADERS, encoded)
        load(request, directory, seconds=1)
        before = spent(pid).cpu_seconds
        result = load(request, directory, seconds=seconds)
        return (spent(pid).cpu_seconds - before) / result.requests * 1e6


def _create_key(port: int) -> str:
    session = botocore.session.Session()
    session.set_credentials("test", "test")
    client: Any = session.create_client("kms", region_name="eu-central-1", endpoint_url=f"http://127.0.0.1:{port}")
    key_id: str = client.create_key()["KeyMetadata"]["KeyId"]
    return key_id


_HEADERS = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "TrentService.GenerateDataKey",
    "Authorization": (
        "AWS4-HMAC-SHA256 Credential=test/20261124/eu-central-1/kms/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    ),
    "X-Amz-Date": "20261124T000000Z",
}
