"""What people give on the command line: files, and texts of the form NAME=TEXT."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from hyok.errors import OperatorError


def read_file(file: Path, *, most_bytes: int | None = None, what: str = "") -> bytes:
    """Return what is in a file. OperatorError if it cannot be read, or is larger than `what` it should be ever is."""
    try:
        with file.open("rb") as opened:
            content = opened.read(-1 if most_bytes is None else most_bytes + 1)
    except OSError as error:
        raise OperatorError(f"cannot read {file}: {error.strerror}") from error
    if most_bytes is not None and len(content) > most_bytes:
        raise OperatorError(f"{file} is larger than {most_bytes} bytes, which no {what} is")
    return content


def read_pairs(texts: Iterable[str], *, option: str, form: str) -> dict[str, str]:
    """Read texts of the form NAME=TEXT. UsageError, in the words of the option, for one that is not, or comes twice."""
    read: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not name or not separator:
            raise click.UsageError(f"{option} is {text!r}; write {form}")
        if name in read:
            raise click.UsageError(f"{option} gives {name} twice; give it once")
        read[name] = value
    return read
