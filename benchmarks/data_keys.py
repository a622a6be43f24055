"""GenerateDataKey on an external key, through KMS and proxy as two processes: the price of each side.

Beside it moto's GenerateDataKey on its local key, in the same run, for which nothing is verified, authorized or stored;
and ordinary keys, ten of them and a hundred thousand in turn.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import botocore.session

from benchmarks import moto
from benchmarks.kms_stock import stock
from benchmarks.machine import SERVER_CORE, spent
from benchmarks.sides import HOST, Sides, kms_request, make_sides, running_kms, running_proxy
from benchmarks.wrk import load

MANY_KEYS = 100_000
REQUESTS_AT_MOST = 10_000
"""That are made in advance: of many keys, every tenth is used."""

_BODY: dict[str, object] = {
    "KeySpec": "AES_256",
    "EncryptionContext": {"tenant": "nile", "purpose": "statement", "month": "2026-11"},
}


class DataKeys(NamedTuple):
    """What one GenerateDataKey costs, all servers pinned to one core."""

    requests_per_second: float
    p99_milliseconds: float
    kms_cpu_microseconds: float
    proxy_cpu_microseconds: float
    kms_peak_memory_mebibytes: float
    proxy_peak_memory_mebibytes: float


class KmsPrices(NamedTuple):
    """GenerateDataKey on the two kinds of key."""

    external_key: DataKeys
    ordinary_key: DataKeys
    """The proxy has no part in it."""
    ten_keys: DataKeys
    """Ordinary keys in turn, as the next."""
    many_keys: DataKeys
    """As many keys in the storage and in turn as `MANY_KEYS` says."""
    moto_cpu_microseconds: float

    @property
    def external_share(self) -> float:
        """What an external key costs in all processes, as a share of moto's price."""
        one = self.external_key
        return (one.kms_cpu_microseconds + one.proxy_cpu_microseconds) / self.moto_cpu_microseconds

    @property
    def ordinary_share(self) -> float:
        """What an ordinary key costs, as a share of moto's price."""
        return self.ordinary_key.kms_cpu_microseconds / self.moto_cpu_microseconds


class _Servers(NamedTuple):
    kms_pid: int
    kms_port: int
    proxy_pid: int
    directory: Path
    key_ids: Sequence[str]


def measure(*, seconds: float) -> KmsPrices:
    """Measure GenerateDataKey with an encryption context of three pairs, 16 connections, for `seconds` each."""
    with _servers(copies=0) as (servers, sides):
        external, ordinary = _create_keys(servers, sides)
        of_external = _price(servers, sides, [external], seconds=seconds)
        of_ordinary = _price(servers, sides, [ordinary], seconds=seconds)
        moto_microseconds = moto.price(servers.directory, _BODY, seconds=seconds)
    with _servers(copies=MANY_KEYS) as (servers, sides):
        of_ten = _price(servers, sides, servers.key_ids[:10], seconds=seconds)
        of_many = _price(servers, sides, servers.key_ids, seconds=seconds)
    return KmsPrices(of_external, of_ordinary, of_ten, of_many, moto_microseconds)


@contextmanager
def _servers(*, copies: int) -> Iterator[tuple[_Servers, Sides]]:
    with tempfile.TemporaryDirectory(prefix="hyok-bench-") as directory:
        sides = make_sides(Path(directory))
        key_ids = stock(sides, copies) if copies else []
        with (
            running_proxy(sides, core=SERVER_CORE) as (proxy_pid, proxy_port),
            running_kms(sides, proxy_port=proxy_port, core=SERVER_CORE) as (kms_pid, kms_port),
        ):
            yield _Servers(kms_pid, kms_port, proxy_pid, Path(directory), key_ids), sides


def _create_keys(servers: _Servers, sides: Sides) -> tuple[str, str]:
    session = botocore.session.Session()
    session.set_credentials(sides.kms_access_key_id, sides.kms_secret.reveal().decode())
    client: Any = session.create_client(
        "kms", region_name="eu-central-1", endpoint_url=f"http://127.0.0.1:{servers.kms_port}"
    )
    store = client.create_custom_key_store(
        CustomKeyStoreName="benchmark",
        CustomKeyStoreType="EXTERNAL_KEY_STORE",
        XksProxyConnectivity="PUBLIC_ENDPOINT",
        XksProxyUriEndpoint=f"https://{HOST}",
        XksProxyUriPath=sides.uri_path,
        XksProxyAuthenticationCredential={
            "AccessKeyId": sides.access_key_id,
            "RawSecretAccessKey": sides.secret.reveal().decode(),
        },
    )["CustomKeyStoreId"]
    client.connect_custom_key_store(CustomKeyStoreId=store)
    while (
        client.describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"][0]["ConnectionState"]
        != "CONNECTED"
    ):
        time.sleep(0.05)
    external = client.create_key(Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=store, XksKeyId=sides.external_key_id)
    return external["KeyMetadata"]["KeyId"], client.create_key()["KeyMetadata"]["KeyId"]


def _price(servers: _Servers, sides: Sides, key_ids: Sequence[str], *, seconds: float) -> DataKeys:
    requests = [
        kms_request(sides, "GenerateDataKey", {"KeyId": key_id, **_BODY}, port=servers.kms_port)
        for key_id in key_ids[:: max(1, len(key_ids) // REQUESTS_AT_MOST)]
    ]
    # Every key once before anything is counted: what is counted is the price of keys in use.
    load(requests, servers.directory, seconds=1 + len(requests) // 500)
    before = [spent(pid).cpu_seconds for pid in (servers.kms_pid, servers.proxy_pid)]
    result = load(requests, servers.directory, seconds=seconds)
    after = [spent(pid) for pid in (servers.kms_pid, servers.proxy_pid)]
    kms, proxy = ((late.cpu_seconds - early) / result.requests * 1e6 for late, early in zip(after, before, strict=True))
    return DataKeys(
        result.requests / result.seconds,
        result.p99_milliseconds,
        kms,
        proxy,
        after[0].peak_memory_mebibytes,
        after[1].peak_memory_mebibytes,
    )
