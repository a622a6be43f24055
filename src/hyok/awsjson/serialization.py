"""From what an operation returns to JSON: the model decides what there is and how it is written.

Whatever the model does not have is a mistake in this program, not the caller's, and raises ValueError: an unknown
member, a value of another type, an enum value that AWS does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from hyok.awsjson.model import Model, Shape, ShapeReference, ShapeType

Writer = Callable[[object], object]
"""Takes a shape's value; returns what msgspec encodes: bytes become Base64."""

_MILLISECOND_DIGITS: Final = 3


def build_writer(model: Model, reference: ShapeReference | None) -> Writer:
    """Return the writer of a shape. Members that are None are left out."""
    shape = model.shape(reference)
    match shape.type:
        case ShapeType.STRUCTURE:
            return _structure_writer(model, shape)
        case ShapeType.LIST:
            return _list_writer(build_writer(model, shape.member))
        case ShapeType.MAP:
            return _map_writer(build_writer(model, shape.value))
        case ShapeType.STRING:
            return _enum_writer(shape) if shape.enum else _write_string
        case ShapeType.INTEGER:
            return _write_integer
        case ShapeType.BOOLEAN:
            return _write_boolean
        case ShapeType.BLOB:
            return _write_blob
        case ShapeType.TIMESTAMP:
            return _write_timestamp


def _structure_writer(model: Model, shape: Shape) -> Writer:
    writers = {name: build_writer(model, reference) for name, reference in shape.members.items()}

    def write(value: object) -> object:
        if not isinstance(value, Mapping):
            raise _wrong_type(value, "a structure")
        written = {}
        for name, member in value.items():
            writer = writers.get(name)
            if writer is None:
                raise ValueError(f"the service model has no member {name!r} here, only {', '.join(writers) or 'none'}")
            if member is not None:
                written[name] = writer(member)
        return written

    return write


def _list_writer(write_member: Writer) -> Writer:
    def write(value: object) -> object:
        if not isinstance(value, list | tuple):
            raise _wrong_type(value, "a list")
        return [write_member(member) for member in value]

    return write


def _map_writer(write_value: Writer) -> Writer:
    def write(value: object) -> object:
        if not isinstance(value, Mapping):
            raise _wrong_type(value, "a map")
        return {key: write_value(member) for key, member in value.items()}

    return write


def _enum_writer(shape: Shape) -> Writer:
    allowed = frozenset(shape.enum)

    def write(value: object) -> object:
        if not isinstance(value, str):
            raise _wrong_type(value, "a string")
        if value not in allowed:
            raise ValueError(f"the service model allows {', '.join(shape.enum)} here, not {value!r}")
        return value

    return write


def _write_string(value: object) -> object:
    if isinstance(value, str):
        return value
    raise _wrong_type(value, "a string")


def _write_integer(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _wrong_type(value, "an integer")


def _write_boolean(value: object) -> object:
    if isinstance(value, bool):
        return value
    raise _wrong_type(value, "a boolean")


def _write_blob(value: object) -> object:
    if isinstance(value, bytes):
        return value
    raise _wrong_type(value, "bytes")


def _write_timestamp(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return round(value, _MILLISECOND_DIGITS)
    raise _wrong_type(value, "Unix seconds")


def _wrong_type(value: object, expected: str) -> ValueError:
    return ValueError(f"the service model has {expected} here, not a {type(value).__name__}")
