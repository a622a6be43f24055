"""The root key is replaced under load: nothing is lost, whatever the command that does it is interrupted by."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.integration.supervisor.rig import HYOK, Load, Start, clean_environment, running_proxy

BEFORE_IT_ENDS_SECONDS = (0.5, 1.5)
"""A start takes some tenths, the wait for servers two seconds: these are about the first of its transactions."""


def hyok(start: Start, *arguments: str) -> None:
    subprocess.run(
        [*HYOK, *arguments], cwd=start.directory, check=True, capture_output=True, env=clean_environment(), timeout=60
    )


def begin_and_kill(start: Start, *, seconds: float) -> None:
    """Begin to pass to the second root key, and be killed."""
    command = [*HYOK, "root", "rewrap", "--to", "file:second.key", "--yes"]
    with subprocess.Popen(
        command, cwd=start.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=clean_environment()
    ) as process:
        time.sleep(seconds)
        process.kill()


def use_second_root(start: Start) -> None:
    file: Path = start.directory / "hyok.toml"
    file.write_text(file.read_text("utf-8").replace("file:root.key", "file:second.key"), "utf-8")


def test_running_servers_go_on_while_the_root_key_is_replaced(start: Start) -> None:
    hyok(start, "root", "create", "second.key")
    with running_proxy(start) as proxy, Load(start, proxy.port) as load:
        for seconds in BEFORE_IT_ENDS_SECONDS:
            begin_and_kill(start, seconds=seconds)
            load.go_on()
        hyok(start, "root", "rewrap", "--to", "file:second.key", "--yes")
        hyok(start, "key", "rotate", start.key_id)
        load.go_on(answers=100)
        # A worker that is started now inherits from a parent that knows the former root only.
        before = proxy.await_workers(lambda pids: len(pids) == 2)
        os.kill(before[0], signal.SIGTERM)
        proxy.await_workers(lambda pids: len(pids) == 2 and before[0] not in pids)
        load.go_on(answers=100)
        load.finish()
        assert load.failures == []
    use_second_root(start)
    with running_proxy(start) as proxy, Load(start, proxy.port) as load:
        hyok(start, "root", "retire", "--yes")
        (start.directory / "root.key").unlink()
        hyok(start, "key", "rotate", start.key_id)
        load.go_on(answers=100)
        load.finish()
        assert load.failures == []
