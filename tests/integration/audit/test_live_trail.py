"""The trail of a proxy that really serves: killed under load, durable, and sent to sinks."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from hyok.audit.reader import read_records
from hyok.audit.verification.trail import Verdict, verify_trail
from hyok.custody.audit_key import read_audit_key
from hyok.storage.engine import open_storage
from hyok.storage.schema import Side
from tests.integration.supervisor.rig import Load, Start, await_true, make_start, running_proxy
from tests.sizes import size

KILLS = size(usual=3, nightly=30)


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    return make_start(tmp_path_factory.mktemp("first") / "start")


@pytest.fixture
def start(first_start: Start, tmp_path: Path) -> Start:
    return first_start.moved(shutil.copytree(first_start.directory, tmp_path / "start"))


def verify(start: Start) -> Verdict:
    with closing(open_storage(f"sqlite:///{start.directory / 'hyok.db'}", Side.HOLDER)) as storage:
        key = read_audit_key(storage)
    assert key is not None
    return verify_trail(start.directory / "audit", key)


def events(start: Start) -> Counter[str]:
    return Counter(json.loads(record.line)["event"] for record in read_records(start.directory / "audit"))


def test_no_answer_left_without_its_record_however_often_a_worker_was_killed(start: Start) -> None:
    with running_proxy(start) as proxy:
        with Load(start, proxy.port) as load:
            for _ in range(KILLS):
                load.go_on(answers=100)
                victim = proxy.await_workers(lambda pids: len(pids) == 2)[0]
                os.kill(victim, signal.SIGKILL)
                proxy.await_workers(lambda pids, victim=victim: len(pids) == 2 and victim not in pids)  # type: ignore[misc]  # bound now
            load.go_on(answers=100)
        answered = load.answered + load.answered_on_new
        await_true(lambda: events(start)["log_opened"] == 2 + KILLS)  # the last one has taken its log over
        assert verify(start).findings == ()  # also while it serves
    assert proxy.process.returncode == 0

    verdict = verify(start)
    assert verdict.findings == ()
    workers = {log.name for log in verdict.logs if log.name.startswith("proxy")}
    assert workers == {"proxy-1", "proxy-2"}  # who comes takes the place of who went
    found = events(start)
    assert found["xks_request"] >= answered
    assert found["log_opened"] == 2 + KILLS


def test_a_durable_trail_answers_after_the_sync_and_a_stop_loses_no_answer(start: Start) -> None:
    with running_proxy(start, environment={"HYOK__AUDIT__DURABLE": "true"}) as proxy:
        with Load(start, proxy.port) as load:
            load.go_on(answers=200)
            asked = proxy.workers()[0]
            os.kill(asked, signal.SIGTERM)  # a worker that is asked to end still has answers that wait for the disk
            proxy.await_workers(lambda pids: len(pids) == 2 and asked not in pids)
            load.go_on(answers=100)
        assert load.failures == []
        answered = load.answered + load.answered_on_new

    assert verify(start).findings == ()
    assert events(start)["xks_request"] >= answered


def test_a_sink_has_every_record_when_the_proxy_has_stopped(start: Start, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    (start.directory / "hyok.toml").write_text(
        (start.directory / "hyok.toml").read_text() + f'\n[audit.sinks.copy]\nkind = "file"\npath = "{copy}"\n'
    )
    with running_proxy(start) as proxy, Load(start, proxy.port) as load:
        load.go_on(answers=100)

    sent = [json.loads(line) for line in copy.read_text().splitlines()]
    stored = [(record.log, record.number) for record in read_records(start.directory / "audit")]
    assert sorted((each["log"], each["number"]) for each in sent) == sorted(stored)
    assert "hyok.audit/" in (tmp_path / "copy.jsonl.checkpoints").read_text()


def test_a_sink_that_cannot_be_set_up_is_said_at_the_start(start: Start) -> None:
    (start.directory / "hyok.toml").write_text(
        (start.directory / "hyok.toml").read_text()
        + '\n[audit.sinks.w1]\nkind = "witness"\nurl = "https://w.example"\nkey = "nothing"\n'
    )
    with running_proxy(start) as proxy:
        assert proxy.process.wait(15) == 2
        proxy._reader.join(5)
        assert any("[audit.sinks.w1] the key of a witness" in line for line in proxy.other_lines), proxy.other_lines
