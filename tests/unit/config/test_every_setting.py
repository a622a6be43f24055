from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from hyok.config.settings import FileSettings, Settings
from hyok.config.shapes import NamedValues, Plain, Shape, Table, TableOfKind, Tables, Text, fields_of


def plain_settings(struct: type[Settings], path: str = "") -> Iterator[tuple[str, Plain]]:
    for field in fields_of(struct).values():
        yield from _plain(field.shape, f"{path}{struct.__name__}.{field.name}")


def _plain(shape: Shape, path: str) -> Iterator[tuple[str, Plain]]:
    match shape:
        case Plain():
            yield path, shape
        case Table(struct) | Tables(struct):
            yield from plain_settings(struct)
        case TableOfKind(kinds):
            for struct in kinds.values():
                yield from plain_settings(struct)
        case NamedValues(name, value):
            yield f"{path} (name)", name
            yield from _plain(value, path)
        case Text():
            pass


SETTINGS = dict(plain_settings(FileSettings))


@pytest.mark.parametrize("path", SETTINGS)
def test_a_value_of_any_type_is_taken_or_refused_and_never_a_defect(path: str) -> None:
    # A constraint that does not fit the type, such as a length of `str | None`, would come to light only here.
    values: tuple[object, ...] = ("text", 12, 0.5, True, [], {})
    for value in values:
        try:
            msgspec.convert(value, SETTINGS[path].annotation)
        except msgspec.ValidationError:
            continue
