"""A key store's quota in a proxy that runs with two workers, and what the storage learns of credentials and proxies."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import datetime

import pytest

from hyok.proxy.usage import FLUSH_SECONDS
from tests.integration.metrics.proxies import Client, Measured, await_true, encrypt_on_each, encrypt_on_many_connections
from tests.integration.supervisor.rig import running_proxy

QUOTA = 60
BURST_SECONDS = 1.5
SECONDS = 3.0


@pytest.mark.parametrize("is_even", [True, False], ids=["both workers asked", "all requests to one"])
def test_two_workers_together_let_the_quota_through_within_ten_percent(measured: Measured, is_even: bool) -> None:
    measured.hyok("keystore", "update", "main", "--quota", str(QUOTA))
    time.sleep(1.0)
    clients = measured.connect_to_both_workers(each=4) if is_even else [Client(measured.start, measured.proxy.port)]

    began = time.monotonic()
    answers = encrypt_on_each(clients, seconds=BURST_SECONDS + SECONDS)

    # What was saved for a burst goes first.
    steady = [status for at, status in answers if BURST_SECONDS < at - began <= BURST_SECONDS + SECONDS]
    assert set(steady) == {200, 429}
    assert steady.count(200) == pytest.approx(QUOTA * SECONDS, rel=0.1)

    measured.hyok("keystore", "update", "main", "--no-quota")
    time.sleep(1.0)
    assert encrypt_on_many_connections(measured.start, measured.proxy.port, requests=20) == {200: 320}


def test_a_throttled_request_is_answered_at_once_and_by_its_name(measured: Measured) -> None:
    measured.hyok("keystore", "update", "main", "--quota", "1")
    time.sleep(1.0)
    with contextlib.closing(Client(measured.start, measured.proxy.port)) as client:
        began = time.monotonic()
        answers = [client.encrypt() for _ in range(5)]
        seconds = time.monotonic() - began
    measured.hyok("keystore", "update", "main", "--no-quota")

    assert answers[-1].status == 429
    assert answers[-1].content["errorName"] == "ThrottlingException"
    assert seconds < 1


def test_an_operator_sees_when_a_credential_was_last_used_and_how_often(measured: Measured) -> None:
    used = measured.start.access_key_id
    created = json.loads(measured.hyok("credential", "create", "main", "--output", "json"))["credential"]
    time.sleep(FLUSH_SECONDS + 1)
    before = measured.use_count(used)
    began = time.time()
    encrypt_on_many_connections(measured.start, measured.proxy.port, requests=5)

    await_true(lambda: measured.use_count(used) == before + 80, what=lambda: (before, measured.use_count(used)))
    document = json.loads(measured.hyok("credential", "list", "main", "--output", "json"))
    listed = {each["access_key_id"]: each for each in document["credentials"]}
    assert listed[used]["use_count"] == before + 80
    assert datetime.fromisoformat(listed[used]["last_used_at"]).timestamp() >= int(began)
    assert listed[created["access_key_id"]]["last_used_at"] is None


def test_a_second_proxy_on_the_same_storage_is_counted(measured: Measured) -> None:
    with running_proxy(measured.start) as second, contextlib.closing(Client(measured.start, second.port)) as client:
        await_true(lambda: client.health().content["xksProxyFleetSize"] == 2)
        await_true(lambda: measured.values()["hyok_proxy_fleet_size"] == 2)
    await_true(lambda: measured.values()["hyok_proxy_fleet_size"] == 1)
