from __future__ import annotations

import sys

import click
import pytest

from hyok.cli.output import confirm, format_time, print_table
from hyok.errors import NotDoneError, OperatorError


def test_instants_are_written_in_utc() -> None:
    assert format_time(0.9) == "1970-01-01T00:00:00Z"
    assert format_time(None) is None


def test_markup_in_a_cell_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["A"], [["[bold]x[/bold] :smile:"]], nothing="")
    assert capsys.readouterr().out == "A\n[bold]x[/bold] :smile:\n"


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)


@pytest.mark.usefixtures("at_a_terminal")
def test_a_yes_goes_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(click, "confirm", lambda *_args, **_options: True)
    confirm("It will be gone", yes=False)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "It will be gone.\n")


@pytest.mark.usefixtures("at_a_terminal")
def test_a_no_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click, "confirm", lambda *_args, **_options: False)
    with pytest.raises(NotDoneError, match="nothing was changed"):
        confirm("It will be gone", yes=False)


def test_where_nobody_can_be_asked_a_yes_is_demanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    with pytest.raises(OperatorError, match="It will be gone; to do it without being asked, add --yes"):
        confirm("It will be gone", yes=False)
