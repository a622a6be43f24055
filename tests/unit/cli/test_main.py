from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from hyok.cli.main import COMMANDS, hyok_command
from hyok.errors import HyokError, NotDoneError, OperatorError
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from tests.unit.cli.conftest import Hyok

SLOW_MODULES = {"sqlalchemy", "botocore", "cryptography", "rich", "uvicorn", "msgspec", "asyncio"}


def walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Give every command that people type with the words that lead to it."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            if not below.hidden:
                yield from walk(below, (*path, name))
    else:
        yield path, command


LEAVES = dict(walk(hyok_command))


def test_help_lists_every_command(hyok: Hyok) -> None:
    result = hyok("--help")
    assert result.status == 0
    assert all(f"\n  {name} " in result.out for name in COMMANDS)


def test_help_needs_no_slow_module() -> None:
    program = (
        "import sys; from hyok.cli.main import run; assert run(['--help']) == 0; "
        f"print(sorted({SLOW_MODULES!r} & set(sys.modules)), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.stderr == "[]\n"


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_has_help_with_an_example_that_it_understands(hyok: Hyok, path: tuple[str, ...]) -> None:
    result = hyok(*path, "--help")
    assert result.status == 0
    assert "\n  Example:\n" in result.out
    example = shlex.split(result.out.partition("Example:\n")[2].splitlines()[0])
    assert tuple(example[: 1 + len(path)]) == ("hyok", *path)
    LEAVES[path].make_context("example", example[1 + len(path) :])


@pytest.mark.parametrize("words", [(), ("key",)])
def test_a_group_alone_shows_its_help_and_is_not_done(hyok: Hyok, words: tuple[str, ...]) -> None:
    result = hyok(*words)
    assert result.status == 2
    assert result.out == ""
    assert "Commands:" in result.err


def test_the_version_is_shown(hyok: Hyok) -> None:
    assert hyok("--version").out.startswith("hyok ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("key", "shwo"), "No such command 'shwo'. Did you mean 'show'?; see hyok key --help"),
        (("key", "create"), "Missing argument 'KEY_ID'; see hyok key create --help"),
        (("key", "list", "--outptu"), "No such option '--outptu'. Did you mean '--output'?; see hyok key list --help"),
        (
            ("key", "list", "--output", "yaml"),
            "Invalid value for '--output': 'yaml' is not one of 'text', 'json'; see hyok key list --help",
        ),
    ],
)
def test_wrong_usage_is_one_sentence_and_status_2(hyok: Hyok, words: tuple[str, ...], sentence: str) -> None:
    assert hyok(*words) == (2, "", f"hyok: {sentence}\n")


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (OperatorError("a port\nin use"), 2, "a port in use"),
        (NotDoneError("no such key"), 1, "no such key"),
        (HyokError("sealed value does not open"), 1, "sealed value does not open"),
        (KeyManagerError(KeyManagerFailure.UNAVAILABLE, "no token"), 1, "unavailable: no token"),
        (OSError(28, "No space left on device", "/var/x"), 1, "No space left on device: /var/x"),
        (click.Abort(), 1, "no answer: nothing done"),
        (ExceptionGroup("tasks", [ExceptionGroup("tasks", [OperatorError("a port in use")])]), 2, "a port in use"),
    ],
)
def test_a_failure_is_one_sentence_and_its_status(
    hyok: Hyok, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, sentence: str
) -> None:
    fail_with(monkeypatch, error)
    assert hyok("config", "show") == (status, "", f"hyok: {sentence}\n")


def test_a_defect_shows_neither_traceback_nor_values(hyok: Hyok, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, RuntimeError("hunter2"))
    result = hyok("config", "show")
    assert result.status == 1
    assert result.err.startswith("hyok: a defect of hyok: RuntimeError at config.py:")
    assert result.err.count("\n") == 1
    assert "hunter2" not in result.err


def test_a_defect_shows_its_traceback_on_demand(hyok: Hyok, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYOK_TRACEBACK", "1")
    fail_with(monkeypatch, RuntimeError("hunter2"))
    assert "Traceback" in hyok("config", "show").err


def test_an_interrupt_is_quiet_and_status_130(hyok: Hyok, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, KeyboardInterrupt())
    result = hyok("config", "show")
    assert result.status == 130
    assert result.err.strip() == ""


def test_the_configuration_is_taken_before_and_after_the_command(hyok: Hyok, tmp_path: Path) -> None:
    (tmp_path / "hyok.toml").rename(tmp_path / "other.toml")
    assert hyok("key", "list").status == 2
    assert hyok("--config", "other.toml", "key", "list").status == 0
    assert hyok("key", "list", "--config", "other.toml").status == 0


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("hyok.cli.config.read_configuration", fail)
