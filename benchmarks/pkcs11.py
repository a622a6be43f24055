"""PKCS#11: the proxy on SoftHSM beside nginx, and on a token that takes its time.

SoftHSM on one core, as in `proxy_encrypt.py`, and what a Decrypt with a wrong tag costs beside a good one. Then the
tests' own library around it, which sleeps in C_Encrypt, C_Decrypt and C_GenerateRandom: two workers on all cores, 64
connections that never pause, and 1800 requests a second that come whether or not earlier ones were answered, with a
ping now and then.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import SERVER_CORE, spent
from benchmarks.offered import offer, percentile
from benchmarks.proxy_encrypt import ProxyEncrypt, compare
from benchmarks.sides import HYOK, Sides, encrypt_request, key_request, make_sides, running_proxy
from benchmarks.wrk import FixedRequest, load
from tests.integration.pkcs11.vendor_module import Setting, VendorModule, build_vendor_module

SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
CONNECTIONS = 64
OFFERED_PER_SECOND = 1800
SLEEPS_MILLISECONDS = (1, 5)
LIMIT_SECONDS = 0.25
PING_EVERY_SECONDS = 0.02


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
    refused: int
    """Of the 64 first requests, when the connections are made: on a busy machine their handshakes take all the time."""
    offered: Offered


class WrongTag(NamedTuple):
    """CPU time of the proxy for a Decrypt, in microseconds: the median over the rounds."""

    good: float
    wrong: float
    ratio: float
    """Of the wrong to the good, round by round, median."""


class Pkcs11(NamedTuple):
    """What `measure` found."""

    softhsm: ProxyEncrypt
    wrong_tag: WrongTag
    slow: tuple[SlowToken, ...]


def measure(*, rounds: int, seconds: float) -> Pkcs11:
    """Measure for `seconds` each, SoftHSM `rounds` times."""
    with tempfile.TemporaryDirectory(prefix="hyok-bench-") as name:
        directory = Path(name)
        vendor = VendorModule(build_vendor_module(directory), directory / "control")
        with _environment(directory, vendor):
            sides = _with_hsm(directory / "softhsm", SOFTHSM)
            softhsm = compare(sides, directory, rounds=rounds, seconds=seconds)
            wrong_tag = _wrong_tag(sides, directory, rounds=rounds, seconds=seconds)
            slow = _with_hsm(directory / "slow", vendor.library)
            found = tuple(_slow(slow, directory, vendor, each, seconds) for each in SLEEPS_MILLISECONDS)
            return Pkcs11(softhsm, wrong_tag, found)


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


def _wrong_tag(sides: Sides, directory: Path, *, rounds: int, seconds: float) -> WrongTag:
    with running_proxy(sides, core=SERVER_CORE) as (pid, port):
        encrypt = encrypt_request(sides, port=port)
        sealed = _ask(encrypt, sides, port=port)
        asked = json.loads(encrypt.body)
        body = {
            "requestMetadata": asked["requestMetadata"],
            "encryptionAlgorithm": "AES_GCM",
            "additionalAuthenticatedData": asked["additionalAuthenticatedData"],
            **{name: value for name, value in sealed.items() if name != "ciphertextDataIntegrityValue"},
        }
        prices: dict[bool, list[float]] = {False: [], True: []}
        for number in range(rounds + 1):
            for is_wrong in (False, True):
                tag = {"authenticationTag": "A" * 22 + "=="} if is_wrong else {}
                request = key_request(sides, "decrypt", body | tag, port=port)
                before = spent(pid).cpu_seconds
                result = load(request, directory, seconds=seconds if number else 1, is_refused=is_wrong)
                if number:
                    prices[is_wrong].append((spent(pid).cpu_seconds - before) / result.requests * 1e6)
    ratios = [wrong / good for good, wrong in zip(prices[False], prices[True], strict=True)]
    return WrongTag(statistics.median(prices[False]), statistics.median(prices[True]), statistics.median(ratios))


def _ask(request: FixedRequest, sides: Sides, *, port: int) -> dict[str, str]:
    connection = http.client.HTTPSConnection("localhost", port, context=_trust(sides))
    connection.request("POST", "/" + request.url.split("/", 3)[3], request.body, request.headers)
    answer: dict[str, str] = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def _trust(sides: Sides) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(sides.holder / "tls/ca.pem"))


def _slow(sides: Sides, directory: Path, vendor: VendorModule, milliseconds: int, seconds: float) -> SlowToken:
    with running_proxy(sides, core=None, workers=2) as (_, port):
        for setting in (Setting.ENCRYPT_DELAY_US, Setting.DECRYPT_DELAY_US, Setting.RANDOM_DELAY_US):
            vendor.set(setting, milliseconds * 1000)
        request = encrypt_request(sides, port=port)
        load(request, directory, connections=4, seconds=1, core=None)  # does not count
        found = load(request, directory, connections=CONNECTIONS, seconds=seconds, core=None, most_refused=CONNECTIONS)
        offered = _offer(request, sides, port=port, seconds=seconds)
    return SlowToken(
        milliseconds,
        (found.requests - found.refused) / found.seconds,
        found.p99_milliseconds,
        found.max_milliseconds,
        found.refused,
        offered,
    )


def _offer(request: FixedRequest, sides: Sides, *, port: int, seconds: float) -> Offered:
    context = _trust(sides)
    is_over = threading.Event()
    with ThreadPoolExecutor(1) as other:
        pinging = other.submit(_ping, is_over, context, port)
        try:
            took = offer(
                request,
                port,
                context,
                per_second=OFFERED_PER_SECOND,
                seconds=seconds,
                connections=CONNECTIONS,
                may_fail=True,
            )
        finally:
            is_over.set()
        pings = pinging.result()
    in_time = [each for each in took if each <= LIMIT_SECONDS]
    return Offered(
        len(in_time),
        len(took) - len(in_time),
        percentile(took, 0.5),
        percentile(took, 0.99),
        max(took) * 1e3,
        percentile(pings, 0.99),
    )


def _ping(is_over: threading.Event, context: ssl.SSLContext, port: int) -> list[float]:
    """Return how long each ping took, as a load balancer sends them, in seconds."""
    took = []
    connection = http.client.HTTPSConnection("localhost", port, context=context)
    connection.connect()
    while not is_over.wait(PING_EVERY_SECONDS):
        began_at = time.monotonic()
        connection.request("GET", "/ping")
        connection.getresponse().read()
        took.append(time.monotonic() - began_at)
    connection.close()
    return took
