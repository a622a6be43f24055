"""What commands print: tables and facts for people, one JSON document for programs.

Standard output holds the result and nothing else; questions and progress go to standard error. Not on a terminal, a
table is plain text whose lines are never wrapped, so that `grep` and `awk` see whole rows.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import click

from hyok.errors import NotDoneError, OperatorError

_UNBOUNDED_COLUMNS: Final = 100_000
"""Not infinite, because rich allocates lines of it, and wider than any row."""


def print_document(document: Mapping[str, object]) -> None:
    """Print one JSON document."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2))


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, nothing: str) -> None:
    """Print rows under heads; `nothing` is said, on standard error, if there are none."""
    if not rows:
        click.echo(nothing, err=True)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    is_terminal = sys.stdout.isatty()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(width=None if is_terminal else _UNBOUNDED_COLUMNS, highlight=False)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Print labels and values, one pair a line, unwrapped, so that values can be copied."""
    width = max(len(label) for label, _ in facts)
    for label, value in facts:
        click.echo(f"{label.ljust(width)}  {value}")


def say(sentence: str) -> None:
    """Tell the person something that is not the result."""
    click.echo(sentence, err=True)


def confirm(consequence: str, *, yes: bool) -> None:
    """Say what will happen and ask, unless `--yes` was given.

    OperatorError where nobody can be asked, NotDoneError if the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise OperatorError(f"{consequence}; to do it without being asked, add --yes")
    say(f"{consequence}.")
    if not click.confirm("Go on?", err=True):
        raise NotDoneError("nothing was changed")


def format_time(at: float | None) -> str | None:
    """Write an instant (Unix seconds) as ISO 8601 in UTC, to the second."""
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
