"""Workers die and are replaced, and what they get to serve with."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

from tests.integration.supervisor.conftest import Pair
from tests.integration.supervisor.rig import Load, Start, await_true, running_proxy


def test_a_worker_gets_no_root_key_and_its_keys_in_no_argument_variable_or_file(pair: Pair) -> None:
    with Load(pair.start, pair.proxy.port) as load:
        load.go_on()
    workers = pair.proxy.workers()
    assert len(workers) == 2
    for pid in workers:
        process = Path(f"/proc/{pid}")
        variables = process.joinpath("environ").read_bytes()
        assert b"HYOK__ROOT_KEY__SOURCE=" in variables
        assert b"ROOT_FOR_THE_PARENT=" not in variables
        assert b"NOTIFY_SOCKET" not in variables
        assert process.joinpath("cmdline").read_bytes().split(b"\0")[1:-2] == [b"-P", b"-m", b"hyok", b"proxy", b"work"]
        opened = {os.readlink(each) for each in process.joinpath("fd").iterdir()}
        opened.remove("/memfd:hyok-quotas (deleted)")  # the buckets of quotas, which hold instants and nothing else
        assert not [name for name in opened if "memfd" in name or name.endswith((".key", ".pem", ".toml"))]


def test_a_killed_worker_is_replaced_while_the_other_serves_on(pair: Pair) -> None:
    proxy = pair.proxy
    with Load(pair.start, proxy.port) as load:
        before = proxy.workers()
        os.kill(before[0], signal.SIGKILL)
        load.go_on()
        after = proxy.await_workers(lambda pids: len(pids) == 2 and before[0] not in pids)
        assert before[1] in after
        load.go_on(answers=200)
    # What the dead worker had: some of the four kept connections, and at most the one that was just being made.
    assert len(load.failures) <= 5, load.failures
    proxy.await_message(f"worker {before[0]} killed by SIGKILL")


def test_a_worker_that_is_asked_to_end_loses_nothing_and_is_replaced(pair: Pair) -> None:
    proxy = pair.proxy
    deaths = sum("is started" in message for message in proxy.messages)
    with Load(pair.start, proxy.port) as load:
        asked = proxy.await_workers(lambda pids: len(pids) == 2)[0]
        os.kill(asked, signal.SIGTERM)
        proxy.await_workers(lambda pids: len(pids) == 2 and asked not in pids)
        load.go_on(answers=100)
    assert load.failures == []
    assert sum("is started" in message for message in proxy.messages) == deaths, "it was taken for a fault"


def test_workers_end_with_a_parent_that_was_killed(start: Start) -> None:
    with running_proxy(start) as proxy:
        port = proxy.port
        workers = proxy.workers()
        assert len(workers) == 2
        proxy.process.kill()
        await_true(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
        proxy.wait()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
