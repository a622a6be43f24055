"""`hyok audit show --follow` and `hyok audit export --follow`: what comes is shown, until Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.cli.test_processes import HYOK, clean_environment, first_start, hyok, start

__all__ = ["first_start", "start"]

PATIENCE_SECONDS = 20.0
INTERRUPTED = 130


class Following:
    """A command that goes on, and the lines it has printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.lines: list[str] = []
        self._process = process
        threading.Thread(target=self._read, daemon=True).start()

    def await_line(self, wanted: Callable[[str], bool]) -> None:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not any(map(wanted, self.lines)):
            assert time.monotonic() < give_up_at, self.lines
            time.sleep(0.02)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line)


@contextmanager
def following(directory: Path, *arguments: str) -> Iterator[Following]:
    """Run the command; at the end Ctrl-C ends it, and nothing else."""
    with subprocess.Popen(
        [*HYOK, "audit", *arguments, "--follow"],
        cwd=directory,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Following(process)
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=PATIENCE_SECONDS) == INTERRUPTED
        finally:
            process.kill()


def change(directory: Path, *arguments: str) -> None:
    ended = hyok(*arguments, cwd=directory)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("command", [("show",), ("export",), ("export", "--format", "cef")], ids=" ".join)
def test_what_comes_is_shown_once(start: Path, command: tuple[str, ...]) -> None:
    change(start, "keystore", "create", "before")
    with following(start, *command) as shown:
        shown.await_line(lambda line: "before" in line)
        change(start, "keystore", "create", "after")
        shown.await_line(lambda line: "after" in line)
        for name in ("before", "after"):
            assert sum(name in line for line in shown.lines) == 1


def test_what_is_older_than_asked_for_does_not_come_by_following(start: Path) -> None:
    change(start, "keystore", "create", "before")
    time.sleep(1.1)
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with following(start, "export", "--since", since) as shown:
        time.sleep(1.5)
        change(start, "keystore", "create", "after")
        shown.await_line(lambda line: "after" in line)
        assert [json.loads(line)["subject"] for line in shown.lines] == ["after"]


def test_filters_hold_for_what_comes(start: Path) -> None:
    change(start, "keystore", "create", "first")
    with following(start, "show", "--key", "second") as shown:
        shown.await_line(lambda line: line.startswith("TIME"))
        change(start, "keystore", "create", "third")
        change(start, "keystore", "create", "second")
        shown.await_line(lambda line: "second" in line)
        assert len(shown.lines) == 2
