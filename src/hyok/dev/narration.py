"""How the walk-through speaks: numbered steps with aligned lines, plain text when not on a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import click

_LABEL_COLUMNS = 30
_TEXT_COLUMNS = 100


class Narrator:
    """Prints the walk-through to standard output, in colour on a terminal only; `is_silent` for `--output json`."""

    def __init__(self, *, is_silent: bool) -> None:
        self._is_silent = is_silent
        self._steps = 0

    def step(self, title: str) -> None:
        """Begin the next numbered step."""
        self._steps += 1
        self._print("")
        self._print(click.style(f"{self._steps}  {title}", bold=True))

    def fact(self, label: str, text: str) -> None:
        """State something: what was called, and what came of it."""
        self._print(f"   {click.style(label.ljust(_LABEL_COLUMNS), fg='cyan')} {text}")

    def refusal(self, label: str, text: str) -> None:
        """State an expected failure, with its exact words below."""
        name, _, message = text.partition(": ")
        self._print(f"   {click.style(label.ljust(_LABEL_COLUMNS), fg='cyan')} {click.style(name, fg='yellow')}")
        self.say(message, indent=4 + _LABEL_COLUMNS)

    def say(self, text: str, *, indent: int = 3) -> None:
        """Say a sentence or more, wrapped."""
        for line in textwrap.wrap(text, _TEXT_COLUMNS - indent):
            self._print(" " * indent + line)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show rows under heads, each column as wide as it needs; the last two columns are numbers."""
        widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
        numbers = len(heads) - 2
        for index, row in enumerate((heads, *rows)):
            cells = [
                cell.rjust(width) if column >= numbers else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            line = "   " + "  ".join(cells).rstrip()
            self._print(click.style(line, dim=True) if index == 0 else line)

    def paste(self, text: str) -> None:
        """Show lines to be copied, unwrapped."""
        for line in text.splitlines():
            self._print(f"   {click.style(line, fg='green')}")

    def _print(self, line: str) -> None:
        if not self._is_silent:
            click.echo(line)
