"""Malformed and oversized requests over real sockets, with TLS and without: refused in so many words, and closed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from benchmarks.machine import free_port
from tests.integration.limits.cases import BODY_BYTES, HEAD_BYTES, MALFORMED, SMUGGLED, WELL_FORMED
from tests.integration.limits.exchanges import Heard, exchange_all
from tests.integration.spec.running import RunningProxy, running_proxy

LISTENERS = pytest.mark.parametrize("listener", ["TLS", "plain"])


class Bombarded(NamedTuple):
    """What came of all requests, by listener."""

    proxy: RunningProxy
    malformed: dict[str, dict[str, Heard]]
    well_formed: dict[str, dict[str, Heard]]


@pytest.fixture(scope="module")
def bombarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bombarded]:
    plain_port = free_port()
    settings = {
        "HYOK__PROXY__WORKERS": "1",
        "HYOK__PROXY__HEALTH_LISTEN": f"127.0.0.1:{plain_port}",
        "HYOK__PROXY__LIMITS__HEAD_BYTES": str(HEAD_BYTES),
        "HYOK__PROXY__LIMITS__BODY_BYTES": str(BODY_BYTES),
        "HYOK__PROXY__LIMITS__IDLE_SECONDS": "2",
    }
    with running_proxy(tmp_path_factory.mktemp("refusals") / "holder", settings) as proxy:
        listeners = {"TLS": (proxy.port, proxy.trust()), "plain": (plain_port, None)}
        malformed = {what: case.raw + SMUGGLED for what, case in MALFORMED.items()}
        well_formed = {what: raw + SMUGGLED for what, raw in WELL_FORMED.items()}
        yield Bombarded(
            proxy,
            {name: exchange_all(port, tls, malformed) for name, (port, tls) in listeners.items()},
            {name: exchange_all(port, tls, well_formed) for name, (port, tls) in listeners.items()},
        )


@LISTENERS
@pytest.mark.parametrize("what", MALFORMED)
def test_what_is_malformed_or_too_large_is_refused_and_closed(bombarded: Bombarded, listener: str, what: str) -> None:
    heard, case = bombarded.malformed[listener][what], MALFORMED[what]
    assert heard.statuses == [case.api_status if listener == "TLS" else case.http_status]
    assert b"\r\nconnection: close" in heard.head
    assert not heard.is_cut
    if listener == "TLS":
        name = "UnsupportedOperationException" if case.api_status == 501 else "ValidationException"
        assert json.loads(heard.body)["errorName"] == name


@LISTENERS
@pytest.mark.parametrize("what", WELL_FORMED)
def test_what_only_looks_odd_is_answered_and_so_is_what_follows(bombarded: Bombarded, listener: str, what: str) -> None:
    heard = bombarded.well_formed[listener][what]
    assert heard.statuses == [404, 200], heard.data
    assert heard.data.endswith(b"pong\n")


def test_each_refusal_over_tls_left_a_record_and_nothing_failed_inside(bombarded: Bombarded) -> None:
    refused = [record for record in bombarded.proxy.records() if record["status"] in (400, 501)]
    assert len(refused) == len(MALFORMED)
    assert "failed inside" not in bombarded.proxy.log()
    assert "Traceback" not in bombarded.proxy.log()
