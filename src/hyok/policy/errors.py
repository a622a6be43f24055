"""What is wrong with a policy document, and where."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from hyok.errors import HyokError


class PolicyError(HyokError):
    """A document that is no policy of its dialect; `line` and `column` count from 1, in characters."""

    def __init__(self, problem: str, *, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {problem}")
        self.problem = problem
        self.line = line
        self.column = column


class PolicyTooLargeError(PolicyError):
    """A document of more bytes than allowed."""


def suggest(found: str, known: Iterable[str]) -> str:
    """Return `; did you mean "…"?` for the known word that is nearest to the one found, or nothing."""
    by_folded = {word.casefold(): word for word in known}
    nearest = get_close_matches(found[:100].casefold(), by_folded, n=1)
    return f'; did you mean "{by_folded[nearest[0]]}"?' if nearest else ""


def quote(text: str) -> str:
    """Show a text of a document on one line, cut after 80 characters."""
    return '"{}"'.format(_on_one_line(text, characters=80).replace('"', '\\"'))


def excerpt(document: str, at: int) -> str:
    """Show what stands at a place of a document, as it is written."""
    return f"`{_on_one_line(document[at:], characters=20)}`" if at < len(document) else "the end"


def _on_one_line(text: str, *, characters: int) -> str:
    shown = text[:characters].encode("unicode_escape").decode("ascii")
    return f"{shown}…" if len(text) > characters else shown
