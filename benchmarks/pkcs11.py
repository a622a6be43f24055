"""PKCS#11: the proxy on SoftHSM beside nginx, and on a token that takes its time.

SoftHSM on one core, as in `proxy_encrypt.py`. Then the tests' own library around it, which sleeps in C_Encrypt,
C_Decrypt and C_GenerateRandom: two workers on all cores, 64 connections that never pause, and 1800 requests a second
that come whether or not earlier ones were answered, with a ping now and then.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import uvloop

from benchmarks.proxy_encrypt import ProxyEncrypt, compare
from benchmarks.sides import HOST, HYOK, Sides, encrypt_request, make_sides, running_proxy
from benchmarks.wrk import FixedRequest, load
from hyok.clock import deadline_in
from hyok.secret import Secret
from hyok.transport.client import HttpClientPool
from hyok.transport.exchange import TransportError
from hyok.transport.pem import PemSource
from hyok.transport.sockets import Address
from hyok.transport.tls import client_context
from tests.integration.pkcs11.vendor_module import Setting, VendorModule, build_vendor_module

SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
CONNECTIONS = 64
OFFERED_PER_SECOND = 1800
SLEEPS_MILLISECONDS = (1, 5)


class Offered(NamedTuple):
    """What became of requests that came at a fixed rate."""

    answered: int
    not_answered: int
    """Refused, or not answered in the 250 ms that AWS KMS waits."""
    p50_milliseconds: float
    p99_milliseconds: float
    max_milliseconds: float
    ping_p99_milliseconds: float


class SlowToken(NamedTuple):
    """A token that sleeps in each call."""

    sleep_milliseconds: int
    requests_per_second: float
    p99_milliseconds: float
    max_milliseconds: float
    offered: Offered


class Pkcs11(NamedTuple):
    """What `measure` found."""

    softhsm: ProxyEncrypt
    slow: tuple[SlowToken, ...]


def measure(*, rounds: int, seconds: float) -> Pkcs11:
    """Measure for `seconds` each, SoftHSM `rounds` times."""
    with tempfile.TemporaryDirectory(prefix="hyok-bench-") as name:
        directory = Path(name)
        vendor = VendorModule(build_vendor_module(directory), directory / "control")
        with _environment(directory, vendor):
            softhsm = compare(_with_hsm(directory / "softhsm", SOFTHSM), directory, rounds=rounds, seconds=seconds)
            slow = _with_hsm(directory / "slow", vendor.library)
            return Pkcs11(softhsm, tuple(_slow(slow, directory, vendor, each, seconds) for each in SLEEPS_MILLISECONDS))


@contextmanager
def _environment(directory: Path, vendor: VendorModule) -> Iterator[None]:
    tokens = directory / "tokens"
    tokens.mkdir()
    configuration = directory / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tokens}\nlog.level = ERROR\n")
    wanted = {
        "SOFTHSM2_CONF": str(configuration),
        "HYOK_TEST_MODULE": str(SOFTHSM),
        "HYOK_TEST_CONTROL": str(vendor.control),
    }
    before = dict(os.environ)
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _with_hsm(directory: Path, module: Path) -> Sides:
    label = directory.name
    start = ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", "1234", "--so-pin", "0000"]
    subprocess.run(start, check=True, capture_output=True)
    directory.mkdir()
    sides = make_sides(directory)
    (sides.holder / "hsm-pin").write_text("1234")
    configuration = sides.holder / "hyok.toml"
    hsm = f'kind = "pkcs11"\nmodule = "{module}"\ntoken = {{ label = "{label}" }}\npreset = "softhsm"\n'
    configuration.write_text(f'{configuration.read_text()}\n[key_managers.hsm]\npin = "file:hsm-pin"\n{hsm}')
    create: list[str | Path] = [
        HYOK,
        "key",
        "create",
        "hsm-key",
        "--key-manager",
        "hsm",
        "--keystore",
        "main",
        "--config",
        configuration,
    ]
    subprocess.run([*create, "--config", configuration], check=True, capture_output=True)
    return sides._replace(external_key_id="hsm-key")


def _slow(sides: Sides, directory: Path, vendor: VendorModule, milliseconds: int, seconds: float) -> SlowToken:
    with running_proxy(sides, core=None, workers=2) as (_, port):
        for setting in (Setting.ENCRYPT_DELAY_US, Setting.DECRYPT_DELAY_US, Setting.RANDOM_DELAY_US):
            vendor.set(setting, milliseconds * 1000)
        request = encrypt_request(sides, port=port)
        load(request, directory, connections=4, seconds=1, core=None)  # does not count
        found = load(request, directory, connections=CONNECTIONS, seconds=seconds, core=None)
        offered = uvloop.run(_offer(request, sides, port=port, seconds=seconds))
    return SlowToken(
        milliseconds, found.requests / found.seconds, found.p99_milliseconds, found.max_milliseconds, offered
    )


async def _offer(request: FixedRequest, sides: Sides, *, port: int, seconds: float) -> Offered:
    certificate = PemSource("authority", Secret((sides.holder / "tls/ca.pem").read_bytes()))
    pool = HttpClientPool(Address("127.0.0.1", port), server_name=HOST, tls=client_context(certificate, None).context)
    headers = tuple((name.lower().encode(), value.encode()) for name, value in request.headers.items())
    target = "/" + request.url.split("/", 3)[3]
    took: list[float] = []
    pings: list[float] = []
    missed = 0

    async def ask() -> None:
        nonlocal missed
        began_at = time.monotonic()
        try:
            answer = await pool.exchange(
                method=b"POST", target=target.encode(), headers=headers, body=request.body, deadline=deadline_in(0.25)
            )
        except TransportError:
            missed += 1
        else:
            took.append(time.monotonic() - began_at)
            missed += answer.status != 200

    async def ping() -> None:
        began_at = time.monotonic()
        await pool.exchange(method=b"GET", target=b"/ping", headers=headers[:1], body=b"", deadline=deadline_in(5))
        pings.append(time.monotonic() - began_at)

    await ping()  # the first connection
    pings.clear()
    begin_at = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(int(OFFERED_PER_SECOND * seconds)):
            await asyncio.sleep(max(0.0, begin_at + number / OFFERED_PER_SECOND - time.monotonic()))
            group.create_task(ask())
            if number % 100 == 0:
                group.create_task(ping())
    await pool.aclose()
    took.sort()
    pings.sort()
    return Offered(
        len(took),
        missed,
        took[len(took) // 2] * 1e3,
        took[len(took) * 99 // 100] * 1e3,
        took[-1] * 1e3,
        pings[len(pings) * 99 // 100] * 1e3,
    )
