"""How the walk-through speaks: numbered steps with aligned lines, plain text when not on a terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

import click

_LABEL_COLUMNS = 30
_WIDEST_COLUMNS = 120
"""Off a terminal too; longer lines are hard to read."""


class Narrator:
    """Prints the walk-through to standard output, in colour on a terminal only; `is_silent` for `--output json`."""

    def __init__(self, *, is_silent: bool) -> None:
        self._is_silent = is_silent
        self._steps = 0
        self._columns = min(_WIDEST_COLUMNS, shutil.get_terminal_size((_WIDEST_COLUMNS, 24)).columns)

    def step(self, title: str) -> None:
        """Begin the next numbered step."""
        self._steps += 1
        self._print("")
        self._print(click.style(f"{self._steps}  {title}", bold=True))

    def fact(self, label: str, text: str) -> None:
        """State something: what was called, and what came of it."""
        first, *more = self._wrap(text, indent=4 + _LABEL_COLUMNS)
        self._print(f"   {click.style(label.ljust(_LABEL_COLUMNS), fg='cyan')} {first}")
        for line in more:
            self._print(" " * (4 + _LABEL_COLUMNS) + line)

    def refusal(self, label: str, text: str) -> None:
        """State an expected failure, with its exact words below."""
        name, _, message = text.partition(": ")
        self._print(f"   {click.style(label.ljust(_LABEL_COLUMNS), fg='cyan')} {click.style(name, fg='yellow')}")
        self.say(message, indent=4 + _LABEL_COLUMNS)

    def say(self, text: str, *, indent: int = 3) -> None:
        """Say a sentence or more, wrapped."""
        for line in self._wrap(text, indent=indent):
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

    def _wrap(self, text: str, *, indent: int) -> list[str]:
        # Never inside a word: ARNs and paths are for copying.
        columns = max(20, self._columns - indent)
        return textwrap.wrap(text, columns, break_long_words=False, break_on_hyphens=False) or [""]

    def _print(self, line: str) -> None:
        if not self._is_silent:
            click.echo(line)
