"""From any JSON value to the values of a shape, the exact way: what AWS says of a value of the wrong type.

SerializationException comes before any constraint is looked at, and for the first wrong value in the document. Its
texts are those recorded from AWS services that speak JSON 1.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from hyok.awsjson.errors import AwsError
from hyok.awsjson.message_types import EARLIEST_SECONDS, LATEST_SECONDS
from hyok.awsjson.model import Model, Shape, ShapeReference, ShapeType

Reader = Callable[[object], object]
"""Takes a JSON value that is not null; returns the shape's value or raises SerializationException."""

_STRUCTURE_FOUND: Final = "Start of structure or map found where not expected."
_LIST_FOUND: Final = "Start of list found where not expected"


def build_reader(model: Model, reference: ShapeReference | None) -> Reader:
    """Return the reader of a shape. Members that the shape does not have, and nulls, are left out."""
    shape = model.shape(reference)
    match shape.type:
        case ShapeType.STRUCTURE:
            return _structure_reader(model, shape)
        case ShapeType.LIST:
            return _list_reader(build_reader(model, shape.member))
        case ShapeType.MAP:
            return _map_reader(build_reader(model, shape.value))
        case ShapeType.STRING:
            return _read_string
        case ShapeType.INTEGER:
            return _read_integer
        case ShapeType.BOOLEAN:
            return _read_boolean
        case ShapeType.BLOB:
            return _read_blob
        case ShapeType.TIMESTAMP:
            return _read_timestamp


def read_document(body: bytes) -> object:
    """Parse a body that is JSON and not a plain value. AWS gives no reason when it is not."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AwsError("SerializationException") from error
    if not isinstance(document, dict | list):
        raise AwsError("SerializationException")
    return document


def _structure_reader(model: Model, shape: Shape) -> Reader:
    readers = {name: build_reader(model, reference) for name, reference in shape.members.items()}

    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise _mismatch(_LIST_FOUND if isinstance(value, list) else "Expected null")
        return {name: readers[name](member) for name, member in value.items() if member is not None and name in readers}

    return read


def _list_reader(read_member: Reader) -> Reader:
    def read(value: object) -> object:
        if not isinstance(value, list):
            raise _mismatch(_STRUCTURE_FOUND if isinstance(value, dict) else "Expected list or null")
        return [read_member(member) for member in value if member is not None]

    return read


def _map_reader(read_value: Reader) -> Reader:
    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise _mismatch(_LIST_FOUND if isinstance(value, list) else "Expected map or null")
        # A null stays, for validation to refuse: an encryption context that silently loses a pair is another context.
        return {key: None if member is None else read_value(member) for key, member in value.items()}

    return read


def _read_string(value: object) -> object:
    if isinstance(value, str):
        return value
    raise _unconvertible(value, "a String")


def _read_integer(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value)  # AWS drops a fraction
    raise _unconvertible(value, "an Integer")


def _read_boolean(value: object) -> object:
    if isinstance(value, bool):
        return value
    raise _unconvertible(value, "an Boolean" if isinstance(value, str) else "a Boolean")


def _read_blob(value: object) -> object:
    if not isinstance(value, str):
        raise _unconvertible(value, "a Blob")
    try:
        return msgspec.convert(value, bytes)
    except msgspec.ValidationError as error:
        # No message: AWS's would hold the value, which may be a plaintext.
        raise AwsError("SerializationException") from error


def _read_timestamp(value: object) -> object:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _unconvertible(value, "milliseconds since epoch")
    if not EARLIEST_SECONDS <= value <= LATEST_SECONDS:
        raise AwsError("SerializationException")
    return float(value)


def _unconvertible(value: object, target: str) -> AwsError:
    if isinstance(value, list):
        return _mismatch(_LIST_FOUND)
    if isinstance(value, dict):
        return _mismatch(_STRUCTURE_FOUND)
    if isinstance(value, bool):
        kind = "TRUE" if value else "FALSE"
    else:
        kind = "STRING" if isinstance(value, str) else "NUMBER"
    return _mismatch(f"{kind}_VALUE can not be converted to {target}")


def _mismatch(message: str) -> AwsError:
    return AwsError("SerializationException", message)
