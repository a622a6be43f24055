"""`hyok proxy serve` and `hyok kms serve` as processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.test_processes import HYOK, clean_environment, hyok

LISTEN = {"proxy": "HYOK__PROXY__LISTEN", "kms": "HYOK__KMS__LISTEN"}


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A start of both sides: the directory of each service's configuration."""
    directory = tmp_path_factory.mktemp("sides")
    ended = hyok("init", "holder", "--with-kms", "kms", cwd=directory)
    assert ended.returncode == 0, ended.stderr
    return {"proxy": directory / "holder", "kms": directory / "kms"}


def read_logs(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stderr is not None
    for line in process.stderr:
        yield json.loads(line)["message"]


@pytest.mark.parametrize("service", ["proxy", "kms"])
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_server_says_where_it_serves_and_stops_cleanly(
    sides: dict[str, Path], service: str, stop: signal.Signals
) -> None:
    environment = clean_environment() | {LISTEN[service]: "127.0.0.1:0"}
    with subprocess.Popen(
        [*HYOK, service, "serve"], cwd=sides[service], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        logs = read_logs(process)
        announcement = next(message for message in logs if " serves on " in message)
        host, _, port = announcement.rpartition(" ")[2].rpartition(":")
        socket.create_connection((host, int(port)), timeout=5).close()
        process.send_signal(stop)
        assert list(logs) == [f"{service} stops: it answers what has come, then closes"]
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize("service", ["proxy", "kms"])
def test_a_port_in_use_is_a_sentence_and_status_2(sides: dict[str, Path], service: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = hyok(service, "serve", cwd=sides[service], environment={LISTEN[service]: address})
    assert ended.returncode == 2
    (sentence,) = (line for line in ended.stderr.splitlines() if line.startswith("hyok: "))
    assert sentence.startswith(f"hyok: cannot listen on {address}: another program listens there")


def test_a_certificate_that_is_not_there_is_a_sentence_and_status_2(sides: dict[str, Path]) -> None:
    ended = hyok("proxy", "serve", cwd=sides["proxy"], environment={"HYOK__PROXY__CERTIFICATE": "file:no.pem"})
    assert ended.returncode == 2
    path = os.path.join(sides["proxy"], "no.pem")
    assert ended.stderr == f"hyok: file:{path}: cannot read {path}: No such file or directory\n"
