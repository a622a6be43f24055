"""The tables of `docs/configuration.md`, made from the settings.

`python -m hyok.config.documentation docs/configuration.md` renews them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from hyok.config.settings import About, FileSettings, Settings
from hyok.config.shapes import Field, NamedValues, Plain, Table, TableOfKind, Tables, Text, fields_of

BEGIN: Final = "<!-- made from the settings: begin -->"
END: Final = "<!-- made from the settings: end -->"


def document_settings() -> str:
    """Return one table in Markdown for each section of the file."""
    return "\n".join(_document_fields("", FileSettings))


def renew_tables(document: str) -> str:
    """Return the document with what stands between its two markers made anew."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{document_settings()}\n{END}{after}"


def _document_section(heading: str, path: str, struct: type[Settings], *, kind: str = "") -> Iterator[str]:
    rows = [_row("kind", About("What it is.", f'"{kind}"'), allowed=f'"{kind}"', default="required")] if kind else []
    for field in fields_of(struct).values():
        if isinstance(field.shape, Text | Plain):
            rows.append(_row(field.name, field.about, allowed=field.shape.allowed, default=_default(field)))
    if rows:
        yield _table(heading, (struct.__doc__ or "").strip(), rows)
    yield from _document_fields(path, struct)


def _document_fields(path: str, struct: type[Settings]) -> Iterator[str]:
    for field in fields_of(struct).values():
        place = f"{path}.{field.name}" if path else field.name
        match field.shape:
            case Table(below):
                yield from _document_section(f"[{place}]", place, below)
            case Tables(below):
                yield from _document_section(f"[[{place}]]", place, below)
            case NamedValues(name, Text(allowed=allowed) | Plain(allowed=allowed)):
                row = _row('"NAME"', field.about, allowed=f"NAME: {name.allowed}; value: {allowed}", default="none")
                yield _table(f"[{place}]", "One line for each name.", [row])
            case TableOfKind(kinds):
                for kind, below in kinds.items():
                    yield from _document_section(f"[{place}]", place, below, kind=kind)
            case NamedValues(_, TableOfKind(kinds)):
                for kind, below in kinds.items():
                    yield from _document_section(f"[{place}.NAME]", f"{place}.NAME", below, kind=kind)
            case Text() | Plain() | NamedValues():
                pass


def _table(heading: str, text: str, rows: Iterable[str]) -> str:
    head = "| setting | meaning | allowed | default | example |\n| --- | --- | --- | --- | --- |\n"
    return f"### `{heading}`\n\n{text}\n\n{head}{''.join(rows)}"


def _row(name: str, about: About, *, allowed: str, default: str) -> str:
    return f"| `{name}` | {about.text} | {allowed} | {default} | `{name} = {about.example}` |\n"


def _default(field: Field) -> str:
    if field.is_required:
        return "required"
    if field.default is None:
        return "not set"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{field.default}`"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(renew_tables(target.read_text("utf-8")), "utf-8")
