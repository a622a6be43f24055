"""Input shapes as msgspec types: JSON that fits one is decoded, un-Base64ed and validated in one step, in C.

What does not fit is no error yet (a null counts as absent, a number may have a fraction): `codec` then takes the exact
way. So a type here may be stricter than the model, never laxer.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Required, TypedDict

import msgspec

from hyok.awsjson.model import Model, Shape, ShapeReference, ShapeType
from hyok.awsjson.patterns import translate_pattern

EARLIEST_SECONDS: Final = -62_135_596_800
"""0001-01-01, as Unix seconds: the first instant that a date can name."""
LATEST_SECONDS: Final = 253_402_300_799
"""9999-12-31T23:59:59, as Unix seconds."""


def message_type(model: Model, reference: ShapeReference | None) -> Any:
    """Return the msgspec type of a shape: a structure is a TypedDict, a blob `bytes`, a timestamp Unix seconds."""
    shape = model.shape(reference)
    match shape.type:
        case ShapeType.STRUCTURE:
            return _structure_type(model, shape)
        case ShapeType.LIST:
            return _bounded_length(list[message_type(model, shape.member)], shape)  # type: ignore[misc]  # made at run time
        case ShapeType.MAP:
            key, value = message_type(model, shape.key), message_type(model, shape.value)
            return _bounded_length(dict[key, value], shape)  # type: ignore[valid-type]  # made at run time
        case ShapeType.STRING:
            return _string_type(shape)
        case ShapeType.INTEGER:
            return Annotated[int, msgspec.Meta(ge=shape.minimum, le=shape.maximum)]
        case ShapeType.BOOLEAN:
            return bool
        case ShapeType.BLOB:
            return _bounded_length(bytes, shape)
        case ShapeType.TIMESTAMP:
            return Annotated[float, msgspec.Meta(ge=EARLIEST_SECONDS, le=LATEST_SECONDS)]


def _structure_type(model: Model, shape: Shape) -> Any:
    members: dict[str, Any] = {}
    for name, reference in shape.members.items():
        member = message_type(model, reference)
        members[name] = Required[member] if name in shape.required else member
    return TypedDict("Structure", members, total=False)  # type: ignore[operator]  # the members are known at run time only


def _string_type(shape: Shape) -> Any:
    if shape.enum:
        return Literal[shape.enum]
    pattern = None if shape.pattern is None else translate_pattern(shape.pattern)
    return Annotated[str, msgspec.Meta(min_length=shape.minimum, max_length=shape.maximum, pattern=pattern)]


def _bounded_length(type_: Any, shape: Shape) -> Any:
    return Annotated[type_, msgspec.Meta(min_length=shape.minimum, max_length=shape.maximum)]
