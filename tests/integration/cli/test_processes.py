"""The command as a process: exit status, streams, signals, terminals."""

from __future__ import annotations

import json
import os
import pty
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.sizes import size

HYOK = [sys.executable, "-c", "from hyok.cli.main import main; main()"]
HELP_CPU_SECONDS = 0.15
"""Processor time, which other programs on the machine do not add to as they do to the clock's."""


def hyok(*arguments: str, cwd: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HYOK, *arguments],
        cwd=cwd,
        env=clean_environment() | (environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("HYOK")}


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("first")
    ended = hyok("init", "start", "--output", "json", cwd=directory)
    assert ended.returncode == 0, ended.stderr
    return directory / "start"


@pytest.fixture
def start(first_start: Path, tmp_path: Path) -> Path:
    """A production start, as `hyok init` makes it: all its paths are relative, so a copy works as well."""
    return shutil.copytree(first_start, tmp_path / "start")


def test_a_result_is_on_standard_output_and_parses(start: Path) -> None:
    ended = hyok("key", "list", "--output", "json", cwd=start)
    assert ended.returncode == 0
    assert ended.stderr == ""
    assert [key["key_id"] for key in json.loads(ended.stdout)["keys"]] == ["key-1"]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("key", "show", "nope"), 1),
        (("key", "create", "key-1"), 1),
        (("key", "create"), 2),
        (("nonsense",), 2),
        (("key", "disable", "key-1"), 2),
        (("key", "list", "--config", "/no/such.toml"), 2),
        (("keystore", "console-file", "main", "/no/such/file"), 2),
    ],
)
def test_a_failure_is_one_line_on_standard_error(start: Path, arguments: Sequence[str], status: int) -> None:
    ended = hyok(*arguments, cwd=start)
    assert ended.returncode == status
    assert ended.stdout == ""
    assert ended.stderr.startswith("hyok: ")
    assert ended.stderr.count("\n") == 1


def test_a_typo_in_the_environment_is_one_line(start: Path) -> None:
    ended = hyok("key", "list", cwd=start, environment={"HYOK__STORAGE__URI": "sqlite:///x"})
    assert ended.returncode == 2
    assert ended.stderr == (
        "hyok: HYOK__STORAGE__URI: storage.uri is not a setting (did you mean url?); "
        "[storage] can hold url, password, anchor\n"
    )


def test_help_is_quick() -> None:
    spent = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*HYOK, "--help"], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < HELP_CPU_SECONDS


def test_a_reader_that_went_away_is_no_error(start: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    ended = subprocess.run(
        [*HYOK, "key", "list"], cwd=start, env=clean_environment(), stdout=write_end, stderr=subprocess.PIPE
    )
    os.close(write_end)
    assert ended.returncode == 1
    assert ended.stderr == b""


def test_a_full_disk_is_one_line(start: Path) -> None:
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [*HYOK, "key", "list"], cwd=start, env=clean_environment(), stdout=full, stderr=subprocess.PIPE
        )
    assert ended.returncode == 1
    assert ended.stderr == b"hyok: No space left on device\n"


class Terminal:
    """A command whose three streams are a terminal of a given width."""

    def __init__(self, arguments: Sequence[str], *, cwd: Path, columns: int, environment: dict[str, str]) -> None:
        self.pid, self._master = pty.fork()
        if self.pid == 0:  # pragma: no cover  # the child, which becomes the command
            os.chdir(cwd)
            variables = clean_environment() | {"TERM": "xterm", "COLUMNS": str(columns)} | environment
            os.execve(HYOK[0], [*HYOK, *arguments], variables)  # noqa: S606  # on a terminal of its own
        self.text = ""

    def read_until(self, ending: str) -> None:
        deadline = time.monotonic() + 20
        while ending not in self.text and self._read(deadline):
            pass
        assert ending in self.text

    def write(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait(self) -> int:
        deadline = time.monotonic() + 20
        while self._read(deadline):
            pass
        os.close(self._master)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0, deadline - time.monotonic()))
        try:
            piece = os.read(self._master, 65536) if ready else b""
        except OSError:
            return False  # how Linux says that the other end has closed
        self.text += piece.decode()
        return bool(piece)


def at_terminal(*arguments: str, cwd: Path, columns: int = 80, **environment: str) -> Terminal:
    return Terminal(arguments, cwd=cwd, columns=columns, environment=environment)


@pytest.mark.parametrize(
    ("answer", "status", "state"), [("y\n", 0, "disabled"), ("n\n", 1, "enabled"), ("\n", 1, "enabled")]
)
def test_a_person_is_asked_before_access_is_lost(start: Path, answer: str, status: int, state: str) -> None:
    terminal = at_terminal("key", "disable", "key-1", cwd=start)
    terminal.read_until("Go on? [y/N]: ")
    assert "will encrypt and decrypt nothing until it is enabled again" in terminal.text
    terminal.write(answer)
    assert terminal.wait() == status
    shown = json.loads(hyok("key", "show", "key-1", "--output", "json", cwd=start).stdout)
    assert shown["key"]["state"] == state


def test_ctrl_c_at_a_question_is_quiet_and_changes_nothing(start: Path) -> None:
    terminal = at_terminal("key", "disable", "key-1", cwd=start)
    terminal.read_until("Go on? [y/N]: ")
    time.sleep(0.5)  # as a person would: CPython misses a signal between readline's prompt and the wait behind it
    terminal.write("\x03")
    assert terminal.wait() == 130
    assert terminal.text.partition("[y/N]: ")[2].strip() in ("", "^C")


@pytest.mark.parametrize("columns", [80, 120])
def test_a_table_fits_the_terminal(start: Path, columns: int) -> None:
    hyok("key", "create", "a" * 100, "--keystore", "main", cwd=start)
    terminal = at_terminal("key", "list", cwd=start, columns=columns, NO_COLOR="1", TERM="dumb")
    assert terminal.wait() == 0
    lines = terminal.text.splitlines()
    assert max(map(len, lines)) <= columns
    assert "".join(line.split(" ")[0] for line in lines[1:-1]) == "a" * 100


def test_a_terminal_gets_emphasis_and_a_pipe_does_not(start: Path) -> None:
    terminal = at_terminal("key", "list", cwd=start)
    assert terminal.wait() == 0
    assert "\x1b[1m" in terminal.text
    assert "\x1b" not in hyok("key", "list", cwd=start).stdout


def test_no_color_is_honoured(start: Path) -> None:
    terminal = at_terminal("key", "list", cwd=start, NO_COLOR="1")
    assert terminal.wait() == 0
    assert not [code for code in terminal.text.split("\x1b[")[1:] if code.partition("m")[0] not in ("0", "1")]


# `hyok init` that sends itself a signal at its nth step in the file system: every moment can be tried, none by luck.
SIGNAL_AT_STEP = """
import os, sys
from hyok.cli.main import main

directory, signal, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

def count(event, arguments):
    global steps
    if event in {"open", "os.mkdir", "os.rename", "os.chmod", "os.rmdir"} and str(arguments[0]).startswith(directory):
        steps -= 1
        if steps == 0:
            os.kill(os.getpid(), signal)

sys.addaudithook(count)
sys.argv = ["hyok", "init", directory]
main()
"""


def init_with_signal(directory: Path, signal_number: int, *, step: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SIGNAL_AT_STEP, str(directory), str(int(signal_number)), str(step)],
        env=clean_environment(),
        capture_output=True,
        text=True,
    )


def is_complete(directory: Path) -> bool:
    return (directory / "hyok.toml").exists() and hyok("config", "check", cwd=directory).returncode == 0


STEPS = range(1, 1000, size(usual=7, nightly=1))
"""Far more than there are; the last one tried is the first that is never reached."""


def test_an_interrupted_start_leaves_nothing_or_everything(tmp_path: Path) -> None:
    for step in STEPS:
        directory = tmp_path / f"start-{step}"
        ended = init_with_signal(directory, signal.SIGINT, step=step)
        if ended.returncode == 0:
            break
        assert (ended.returncode, ended.stderr.strip()) == (130, ""), step
        assert not directory.exists(), step
    assert step > STEPS[1]
    assert is_complete(directory)


def test_a_killed_start_is_named_by_the_next_and_never_taken_for_one(tmp_path: Path) -> None:
    unfinished = 0
    for step in STEPS:
        directory = tmp_path / f"start-{step}"
        ended = init_with_signal(directory, signal.SIGKILL, step=step)
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL, step
        if (directory / ".unfinished").exists():
            unfinished += 1
            again = hyok("init", str(directory), cwd=tmp_path)
            assert again.returncode == 2
            assert "holds what an interrupted start left in .unfinished; it was never in use" in again.stderr
        else:
            assert not directory.exists() or is_complete(directory) or list(directory.iterdir()) == [], step
    assert unfinished > 0
    assert is_complete(directory)
