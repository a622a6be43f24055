"""What Prometheus gets of a proxy that runs with two workers."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509

from hyok.metrics import names
from hyok.proxy.usage import FLUSH_SECONDS
from hyok.secret import Secret
from tests.integration.metrics.proxies import (
    Client,
    Measured,
    await_true,
    encrypt_on_many_connections,
)
from tests.integration.supervisor.rig import HYOK, clean_environment


def test_the_counts_of_all_workers_add_up_to_what_was_answered(measured: Measured) -> None:
    before = measured.settled_requests()

    statuses = encrypt_on_many_connections(measured.start, measured.proxy.port, requests=25)

    assert statuses == {200: 400}
    assert measured.settled_requests() == before + 400


def test_a_killed_workers_counts_stay_and_its_successors_are_added(measured: Measured) -> None:
    encrypt_on_many_connections(measured.start, measured.proxy.port, requests=5)
    before = measured.settled_requests()
    killed = measured.proxy.workers()[0]

    os.kill(killed, signal.SIGKILL)
    measured.proxy.await_workers(lambda pids: len(pids) == 2 and killed not in pids)
    await_true(lambda: measured.values()["hyok_proxy_workers"] == 2)

    assert measured.requests() == before
    statuses = encrypt_on_many_connections(measured.start, measured.proxy.port, requests=5)
    assert measured.settled_requests() == before + statuses[200]


def test_workers_that_a_reload_replaces_lose_no_count_and_no_use_of_a_credential(measured: Measured) -> None:
    used = measured.start.access_key_id
    time.sleep(FLUSH_SECONDS + 1)
    uses, before = measured.use_count(used), measured.requests()
    old = measured.proxy.workers()
    with (measured.start.directory / "hyok.toml").open("a") as file:
        file.write("\n[proxy.limits]\nidle_seconds = 200.0\n")

    statuses = encrypt_on_many_connections(measured.start, measured.proxy.port, requests=5)
    measured.proxy.send(signal.SIGHUP)  # within the second and the flush that these requests are still untold in
    measured.proxy.await_workers(lambda pids: len(pids) == 2 and not set(pids) & set(old))

    assert measured.settled_requests() == before + statuses[200] == before + 80
    assert measured.use_count(used) == uses + 80


def test_durations_fall_into_the_buckets_of_the_xks_proxy_api(measured: Measured) -> None:
    encrypt_on_many_connections(measured.start, measured.proxy.port, connections=2, requests=5)
    count = measured.settled_requests()

    labels = 'key_store="main",operation="Encrypt",error=""'
    values = measured.values()
    bounds = {
        float(match[1]): value
        for series, value in values.items()
        if (match := re.fullmatch(rf'hyok_proxy_request_duration_seconds_bucket{{{labels},le="(.+)"}}', series))
    }
    assert sorted(bounds) == [0.005, 0.01, 0.025, 0.035, 0.05, 0.1, 0.15, 0.2, 0.25, float("inf")]
    assert list(bounds.values()) == sorted(bounds.values())
    assert bounds[float("inf")] == values[f"hyok_proxy_request_duration_seconds_count{{{labels}}}"] == count


def test_a_wrong_signature_is_counted_by_its_reason(measured: Measured) -> None:
    with contextlib.closing(Client(measured.start, measured.proxy.port)) as client:
        assert client.health(secret=Secret(b"x" * 48)).status == 401

    series = 'hyok_proxy_authentication_failures_total{key_store="main",reason="mismatch"}'
    await_true(lambda: measured.values().get(series) == 1)
    assert measured.requests(operation="GetHealthStatus", error="AuthenticationFailedException") == 1


def test_ages_and_states_are_those_of_the_start(measured: Measured) -> None:
    member = 'hyok_proxy_key_manager_state{key_manager="software",member="embedded",state="active"}'
    await_true(lambda: measured.values().get(member) == 1)
    values = measured.values()

    certificate = measured.start.directory / "tls" / "server.pem"
    assert values["hyok_proxy_certificate_expires_in_seconds"] == pytest.approx(_seconds_left(certificate), abs=60)
    age = values[
        f'hyok_proxy_credential_age_seconds{{key_store="main",access_key_id="{measured.start.access_key_id}"}}'
    ]
    assert 0 <= age < 600
    assert values["hyok_proxy_change_log_age_seconds"] < 5
    assert values["hyok_proxy_audit_log_failing"] == 0
    assert values["hyok_proxy_requests_in_flight"] == 0


def test_open_connections_are_those_of_all_workers_and_refused_ones_are_counted_from_zero_on(
    measured: Measured,
) -> None:
    series = 'hyok_proxy_connections_open{listener="proxy"}'
    await_true(lambda: measured.values()[series] == 0)
    with contextlib.ExitStack() as clients:
        for _ in range(8):  # about half of them at each worker
            clients.enter_context(contextlib.closing(Client(measured.start, measured.proxy.port))).encrypt()
        await_true(lambda: measured.values()[series] == 8)
    await_true(lambda: measured.values()[series] == 0)

    refused = 'hyok_proxy_connections_refused_total{listener="proxy",reason="%s"}'
    assert [measured.values()[refused % each] for each in names.CONNECTION_LIMITS] == [0, 0]


def test_promtool_finds_nothing_wrong_with_the_exposition(measured: Measured) -> None:
    encrypt_on_many_connections(measured.start, measured.proxy.port, connections=1, requests=1)
    with contextlib.closing(Client(measured.start, measured.proxy.port)) as client:
        client.health(secret=Secret(b"x" * 48))
    series = "hyok_proxy_authentication_failures_total"
    await_true(lambda: any(each.startswith(series) for each in measured.values()))
    text = measured.fetch()[1]

    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)

    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    assert {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")} == {
        metric.name for metric in names.ALL
    }


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/ping"), ("POST", "/metrics")])
def test_the_listener_answers_nothing_but_metrics(measured: Measured, method: str, path: str) -> None:
    assert measured.fetch(path, method=method) == (404, "here is /metrics\n")


def test_the_workers_do_not_hold_the_metrics_socket(measured: Measured) -> None:
    inode = _inode_of_listener(measured.proxy.port_of("metrics"))
    for pid in measured.proxy.workers():
        links = [os.readlink(each) for each in _descriptors(pid)]
        assert f"socket:[{inode}]" not in links


def test_a_port_in_use_is_a_sentence_before_anything_serves(measured: Measured) -> None:
    taken = f"127.0.0.1:{measured.proxy.port_of('metrics')}"
    environment = clean_environment(HYOK__METRICS__LISTEN=taken, HYOK__PROXY__LISTEN="127.0.0.1:0")
    ended = subprocess.run(
        [*HYOK, "proxy", "serve"], cwd=measured.start.directory, env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert f"hyok: cannot listen on {taken}: another program listens there" in ended.stderr
    assert "proxy serves on" not in ended.stderr


def _seconds_left(certificate: Path) -> float:
    expires_at = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    return expires_at.timestamp() - time.time()


def _descriptors(pid: int) -> list[str]:
    return [f"/proc/{pid}/fd/{each}" for each in os.listdir(f"/proc/{pid}/fd")]


def _inode_of_listener(port: int) -> str:
    with open("/proc/net/tcp") as file:
        rows = [line.split() for line in file]
    (inode,) = {row[9] for row in rows if row[1] == f"0100007F:{port:04X}" and row[3] == "0A"}
    return inode
