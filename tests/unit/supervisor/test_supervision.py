"""What a parent does when workers die, stand still, refuse to stop, or cannot serve by a new configuration."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hyok.errors import NotDoneError, OperatorError
from hyok.supervisor.supervision import Command
from hyok.supervisor.worker_process import WorkerState
from tests.unit.supervisor.stage import CONFIGURATION, QUICK, Stage, forever


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def errors_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def first_error(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_it_is_announced_once_all_workers_serve_and_they_stop_when_told(stage: Stage) -> None:
    async def scenario() -> None:
        await stage.until_served()
        assert [worker.state for worker in stage.launched] == [WorkerState.SERVING] * 2
        await stage.until(lambda: "WATCHDOG=1" in stage.notifier.sent)

    stage.run(scenario)
    assert len(stage.heard("Stop")) == 2
    assert not any(is_running(worker.pid) for worker in stage.launched)
    assert stage.announced == stage.stops == 1
    told = [sent for sent in stage.notifier.sent if not sent.startswith(("STATUS", "WATCHDOG"))]
    assert told == ["READY=1", "STOPPING=1"]
    assert "STATUS=2 of 2 workers serve" in stage.notifier.sent


def test_a_first_worker_that_cannot_serve_ends_the_start_with_its_reason(stage: Stage) -> None:
    stage.behave("fail the storage is locked")
    with pytest.raises(BaseExceptionGroup) as raised:
        stage.run(forever)
    error = first_error(raised.value)
    assert isinstance(error, OperatorError)
    assert str(error) == "the storage is locked"
    assert stage.announced == 0


def test_a_first_worker_that_dies_without_a_word_ends_the_start(stage: Stage) -> None:
    stage.behave("die")
    with pytest.raises(BaseExceptionGroup) as raised:
        stage.run(forever)
    assert isinstance(first_error(raised.value), NotDoneError)
    assert str(first_error(raised.value)) == "a worker ended with status 7 before it served"


@pytest.mark.parametrize("behaviour", ["silent", "babble"])
def test_a_first_worker_that_does_not_get_ready_is_killed_and_ends_the_start(stage: Stage, behaviour: str) -> None:
    stage.behave(behaviour)
    with pytest.raises(BaseExceptionGroup) as raised:
        stage.run(forever)
    assert str(first_error(raised.value)) == "did not serve within 1 s and was killed"


def test_a_worker_that_dies_is_replaced_at_once(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        await stage.until_served()
        os.kill(stage.launched[0].pid, signal.SIGKILL)
        await stage.until(lambda: len(stage.launched) == 3 and stage.launched[2].state is WorkerState.SERVING)

    stage.run(scenario)
    pid = stage.launched[0].pid
    assert errors_of(caplog) == [f"worker {pid} killed by SIGKILL, after 0 s of service; another is started at once"]


def test_workers_that_die_young_are_replaced_ever_later_while_one_serves(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        await stage.until_served()
        stage.behave("fragile")
        os.kill(stage.launched[0].pid, signal.SIGKILL)
        await stage.until(lambda: len(errors_of(caplog)) == 7)
        assert stage.launched[1].state is WorkerState.SERVING

    stage.run(scenario)
    pauses = [message.partition("another is started ")[2] for message in errors_of(caplog)]
    assert pauses[:7] == ["at once", "in 0.05 s", "in 0.1 s", "in 0.2 s", "in 0.2 s", "in 0.2 s", "in 0.2 s"]


def test_a_parent_whose_every_worker_dies_young_gives_up(stage: Stage) -> None:
    async def scenario() -> None:
        await stage.until_served()
        stage.behave("fail no room on the disk")
        for worker in stage.launched[:2]:
            os.kill(worker.pid, signal.SIGKILL)
        await forever()

    with pytest.raises(BaseExceptionGroup) as raised:
        stage.run(scenario)
    assert isinstance(first_error(raised.value), NotDoneError)
    assert "no worker serves, and every new one dies: worker" in str(first_error(raised.value))
    assert "no room on the disk" in str(first_error(raised.value))
    assert len(stage.launched) < 10


def test_a_system_that_lets_no_process_start_is_tried_again(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        await stage.until_served()
        stage.launch_errors = [OSError(12, "Cannot allocate memory")]
        os.kill(stage.launched[0].pid, signal.SIGKILL)
        await stage.until(lambda: len(stage.launched) == 3 and stage.launched[2].state is WorkerState.SERVING)

    stage.run(scenario)
    assert errors_of(caplog)[1] == (
        "worker cannot be started: Cannot allocate memory, after 0 s of service; another is started in 0.05 s"
    )


def test_a_worker_whose_loop_stands_still_is_killed_and_replaced(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        await stage.until_served()
        os.kill(stage.launched[0].pid, signal.SIGSTOP)
        await stage.until(lambda: len(stage.launched) == 3 and stage.launched[2].state is WorkerState.SERVING)
        assert not is_running(stage.launched[0].pid)

    stage.run(scenario)
    assert "stood still for 0.4 s and was killed" in errors_of(caplog)[0]


def test_nothing_is_said_to_the_watchdog_of_workers_that_stand_still(tmp_path: Path) -> None:
    stage = Stage(tmp_path, QUICK._replace(hang=60.0))

    async def scenario() -> None:
        await stage.until_served()
        for worker in stage.launched:
            os.kill(worker.pid, signal.SIGSTOP)
            worker.beat_at -= 10.0
        stage.notifier.sent.clear()
        await asyncio.sleep(0.5)
        assert "WATCHDOG=1" not in stage.notifier.sent
        for worker in stage.launched:
            os.kill(worker.pid, signal.SIGCONT)
        await stage.until(lambda: "WATCHDOG=1" in stage.notifier.sent)

    stage.run(scenario)


def test_a_parent_that_stood_still_itself_does_not_blame_its_workers(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        await stage.until_served()
        time.sleep(1.0)  # noqa: ASYNC251  # the loop stands still on purpose
        await asyncio.sleep(0.2)
        assert len(stage.launched) == 2

    stage.run(scenario)
    assert errors_of(caplog) == []


def test_a_worker_that_does_not_stop_in_time_is_killed(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.behave("stubborn")
    stage.run(stage.until_served)
    assert not any(is_running(worker.pid) for worker in stage.launched)
    assert sum("did not stop within 0.4 s" in record.getMessage() for record in caplog.records) == 2


def test_a_new_configuration_is_tried_by_one_worker_before_the_old_ones_go(stage: Stage) -> None:
    async def scenario() -> None:
        await stage.until_served()
        stage.configure(CONFIGURATION.replace("workers = 2", "workers = 3"))
        stage.supervisor.command(Command.RELOAD)
        await stage.until(lambda: len(stage.launched) == 5 and len(stage.heard("Stop")) == 2)
        assert {worker.pid for worker in stage.launched[:2]} == set(stage.heard("Stop"))
        await stage.until(lambda: stage.launched[4].state is WorkerState.SERVING)
        assert stage.supervisor.generation.workers == 3

    stage.run(scenario)
    reloading = next(index for index, sent in enumerate(stage.notifier.sent) if sent == "RELOADING=1")
    assert "READY=1" in stage.notifier.sent[reloading:]


def test_a_configuration_by_which_no_worker_can_serve_is_refused(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        await stage.until_served()
        stage.behave("fail the key manager is not there")
        stage.configure(CONFIGURATION + "# changed\n")
        stage.supervisor.command(Command.RELOAD)
        await stage.until(lambda: errors_of(caplog))
        stage.behave("serve")
        assert [worker.state for worker in stage.launched[:2]] == [WorkerState.SERVING] * 2

    stage.run(scenario)
    assert errors_of(caplog) == [
        "the reload is refused and nothing has changed: the key manager is not there",
    ]
    assert len(stage.launched) == 3


def test_what_is_asked_during_a_reload_is_done_after_it(stage: Stage) -> None:
    async def scenario() -> None:
        await stage.until_served()
        stage.configure(CONFIGURATION + "# once\n")
        stage.supervisor.command(Command.RELOAD)
        await stage.until(lambda: len(stage.launched) == 3)
        stage.configure(CONFIGURATION + "# twice\n")
        stage.supervisor.command(Command.RELOAD)
        await stage.until(lambda: stage.supervisor.generation.configuration.content.endswith(b"# twice\n"))

    stage.run(scenario)


@pytest.mark.parametrize("command", [Command.RELOAD, Command.RENEW_TLS])
def test_a_new_certificate_goes_to_all_workers_and_they_stay(stage: Stage, command: Command) -> None:
    async def scenario() -> None:
        await stage.until_served()
        stage.install_certificate()
        stage.supervisor.command(command)
        await stage.until(lambda: len(stage.heard("ReplaceTls")) == 2)
        assert len(stage.launched) == 2

    stage.run(scenario)


def test_a_certificate_that_has_not_changed_is_not_replaced(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "hyok")

    async def scenario() -> None:
        await stage.until_served()
        stage.supervisor.command(Command.RENEW_TLS)
        stage.supervisor.command(Command.RELOAD)
        await stage.until(lambda: stage.notifier.sent.count("READY=1") == 2)

    stage.run(scenario)
    assert stage.heard("ReplaceTls") == []
    assert [each for each in caplog.messages if "as it was" in each] == [
        "the configuration is as it was; the certificate is looked at again"
    ]


def test_a_certificate_that_changed_while_the_root_key_was_awaited_is_the_first_that_is_served(stage: Stage) -> None:
    checked_before = stage.supervisor.generation.tls
    stage.install_certificate()

    stage.run(stage.until_served)
    assert stage.supervisor.generation.tls != checked_before
    assert stage.heard("ReplaceTls") == []


def test_a_certificate_without_its_key_is_kept_from_the_workers(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        await stage.until_served()
        stage.install_certificate(key_of_another=True)
        stage.supervisor.command(Command.RENEW_TLS)
        await stage.until(lambda: errors_of(caplog))

    stage.run(scenario)
    assert stage.heard("ReplaceTls") == []
    assert errors_of(caplog)[0].startswith("the certificate in force is kept: the private key file:")


@pytest.mark.parametrize("command", [Command.RENEW_TLS, Command.RELOAD])
def test_an_expired_certificate_takes_no_valid_ones_place(
    stage: Stage, caplog: pytest.LogCaptureFixture, command: Command
) -> None:
    async def scenario() -> None:
        await stage.until_served()
        if command is Command.RELOAD:
            stage.configure(CONFIGURATION + "# changed\n")
        stage.install_certificate(not_after=datetime(2026, 1, 1, tzinfo=UTC))
        stage.supervisor.command(command)
        await stage.until(lambda: errors_of(caplog))
        assert stage.heard("ReplaceTls") == []
        stage.install_certificate()
        stage.supervisor.command(command)
        await stage.until(lambda: stage.heard("ReplaceTls") or len(stage.launched) > 2)

    stage.run(scenario)
    refused = "the certificate in force is kept" if command is Command.RENEW_TLS else "the reload is refused"
    assert errors_of(caplog)[0].startswith(refused)
    assert "expired on 2026-01-01" in errors_of(caplog)[0]


def test_an_expired_certificate_is_served_where_there_is_no_better(stage: Stage) -> None:
    stage.install_certificate(not_after=datetime(2026, 1, 1, tzinfo=UTC))
    stage.refresh()

    async def scenario() -> None:
        await stage.until_served()
        stage.install_certificate(not_after=datetime(2026, 2, 1, tzinfo=UTC))
        stage.supervisor.command(Command.RENEW_TLS)
        await stage.until(lambda: stage.heard("ReplaceTls"))

    stage.run(scenario)


def test_a_worker_that_keeps_its_certificate_is_named(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.behave("refuse")

    async def scenario() -> None:
        await stage.until_served()
        stage.install_certificate()
        stage.supervisor.command(Command.RENEW_TLS)
        await stage.until(lambda: len(errors_of(caplog)) == 2)

    stage.run(scenario)
    assert all("goes on with its earlier certificate: it is no good" in message for message in errors_of(caplog))


def test_a_setting_that_needs_a_restart_is_named(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        await stage.until_served()
        stage.configure(CONFIGURATION.replace("hyok.db", "other.db").replace("[proxy]", '[proxy]\nlisten = "[::1]:1"'))
        stage.supervisor.command(Command.RELOAD)
        await stage.until(lambda: errors_of(caplog))

    stage.run(scenario)
    assert errors_of(caplog) == [
        "the reload is refused and nothing has changed: storage and proxy.listen can change only at a restart"
    ]
