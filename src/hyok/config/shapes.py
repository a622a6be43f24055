"""What can stand at each place of the file, found from the types in `settings`."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, NamedTuple

import msgspec

from hyok.config.settings import About, Settings
from hyok.config.values import VALUE_PARSERS, ValueParser

_PLAIN_ALLOWED: Final[Mapping[type, str]] = {str: "a text in quotes", int: "a whole number", bool: "true or false"}


class Text(NamedTuple):
    """A text that a parser of `values.py` turns into a value."""

    parser: ValueParser
    allowed: str


class Plain(NamedTuple):
    """A TOML value that is taken as it is, once msgspec has checked it."""

    annotation: object
    """The type with its constraints."""
    is_text: bool
    allowed: str


class Table(NamedTuple):
    """A section."""

    struct: type[Settings]


class TableOfKind(NamedTuple):
    """A section whose settings depend on its `kind`."""

    kinds: Mapping[str, type[Settings]]


class NamedValues(NamedTuple):
    """A section whose keys are names that the operator chooses."""

    name: Plain
    value: Shape


class Tables(NamedTuple):
    """An array of sections (`[[…]]`)."""

    struct: type[Settings]


Shape = Text | Plain | Table | TableOfKind | NamedValues | Tables


class Field(NamedTuple):
    """One setting or section of a section."""

    name: str
    shape: Shape
    is_required: bool
    default: object
    """Meaningless if required."""
    about: About


def fields_of(struct: type[Settings]) -> dict[str, Field]:
    """Return the settings of a section by name, in their order."""
    return {
        field.name: Field(
            name=field.name,
            shape=_shape_of(field.type),
            is_required=field.required,
            default=_default_of(field),
            about=_about(field.type),
        )
        for field in msgspec.structs.fields(struct)
    }


def _default_of(field: msgspec.structs.FieldInfo) -> object:
    return field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default


def _about(annotation: object) -> About:
    if typing.get_origin(annotation) is Annotated:
        # The last one: what is said of a setting stands outside what is said of its type.
        return next((extra for extra in reversed(typing.get_args(annotation)) if isinstance(extra, About)), About(""))
    return About("")


def _shape_of(annotation: object) -> Shape:
    parts = _parts(_without_annotation(annotation))
    sections = [part for part in parts if _is_section(part)]
    if sections:
        return _section(sections)
    (bare,) = parts
    origin, arguments = typing.get_origin(bare), typing.get_args(bare)
    if origin is dict:
        name = _shape_of(arguments[0])
        if isinstance(name, Plain):
            return NamedValues(name, _shape_of(arguments[1]))
    if origin is tuple and _is_section(arguments[0]):
        return Tables(arguments[0])
    return _value(annotation, bare)


def _section(structs: Sequence[type[Settings]]) -> Table | TableOfKind:
    kinds = {struct.__struct_config__.tag: struct for struct in structs}
    if None in kinds:
        (struct,) = structs
        return Table(struct)
    return TableOfKind({str(kind): struct for kind, struct in kinds.items()})


def _value(annotation: object, bare: object) -> Text | Plain:
    allowed = _about(annotation).allowed
    parser = VALUE_PARSERS.get(bare) if isinstance(bare, type) else None
    if parser is not None:
        return Text(parser, allowed or parser.allowed)
    fallback = _PLAIN_ALLOWED.get(bare, "") if isinstance(bare, type) else ""
    is_text = bare is str or typing.get_origin(bare) is typing.Literal
    return Plain(annotation, is_text, allowed or fallback)


def _without_annotation(annotation: object) -> object:
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is Annotated else annotation


def _parts(annotation: object) -> tuple[object, ...]:
    """Return the types of a union but None, or the one type."""
    if typing.get_origin(annotation) not in (types.UnionType, typing.Union):
        return (annotation,)
    return tuple(_without_annotation(part) for part in typing.get_args(annotation) if part is not type(None))


def _is_section(annotation: object) -> typing.TypeGuard[type[Settings]]:
    return isinstance(annotation, type) and issubclass(annotation, Settings)
