"""Saying what is wrong with a message that could not be read, in words that name the field and never a value.

Reads the same declarations in messages.py that the decoder is made from, so the two cannot disagree about a rule.
"""

from __future__ import annotations

import binascii
from typing import Final

from msgspec import Struct, inspect

BASE64_REQUIREMENT: Final = "must be Base64 of the standard alphabet, padded"


def describe_fault(message_type: type[Struct], content: object) -> str:
    """Return the first thing wrong with the content of a message, in the order of the type's fields."""
    expected = inspect.type_info(message_type)
    return _find_fault(expected, content, "") or "the body is malformed"


def _find_fault(expected: inspect.Type, value: object, path: str) -> str:
    """Return what is wrong with a value; empty if nothing is."""
    if isinstance(expected, inspect.StructType):
        return _find_in_object(expected, value, path)
    if isinstance(expected, inspect.VarTupleType):
        return _find_in_array(expected, value, path)
    if isinstance(expected, inspect.UnionType):
        # The only unions are "this or null", and nulls are gone by now.
        return _find_fault(expected.types[0], value, path)
    return "" if _is_met(expected, value) else f"{path} {_requirement(expected)}"


def _find_in_object(expected: inspect.StructType, value: object, path: str) -> str:
    if not isinstance(value, dict):
        return f"{path or 'the body'} must be a JSON object"
    for field in expected.fields:
        where = f"{path}.{field.encode_name}" if path else field.encode_name
        if field.encode_name not in value:
            if field.required:
                return f"{where} is missing"
            continue
        fault = _find_fault(field.type, value[field.encode_name], where)
        if fault:
            return fault
    return ""


def _find_in_array(expected: inspect.VarTupleType, value: object, path: str) -> str:
    least, most = expected.min_length or 0, expected.max_length
    if not isinstance(value, list) or len(value) < least or (most is not None and len(value) > most):
        return f"{path} must be an array of {least} to {most} members"
    faults = (_find_fault(expected.item_type, member, f"{path}[{place}]") for place, member in enumerate(value))
    return next(filter(None, faults), "")


def _is_met(expected: inspect.Type, value: object) -> bool:
    if isinstance(expected, inspect.StrType):
        return isinstance(value, str) and (expected.max_length is None or len(value) <= expected.max_length)
    if isinstance(expected, inspect.BytesType):
        return isinstance(value, str) and _is_base64(value)
    if isinstance(expected, inspect.IntType):
        return isinstance(value, int) and not isinstance(value, bool) and (expected.gt is None or value > expected.gt)
    return value in _choices(expected)


def _requirement(expected: inspect.Type) -> str:
    if isinstance(expected, inspect.StrType):
        return "must be a string" + (f" of at most {expected.max_length} characters" if expected.max_length else "")
    if isinstance(expected, inspect.BytesType):
        return BASE64_REQUIREMENT
    if isinstance(expected, inspect.IntType):
        return "must be an integer" + (f" above {expected.gt}" if expected.gt is not None else "")
    return f"must be {' or '.join(map(str, _choices(expected)))}"


def _choices(expected: inspect.Type) -> tuple[object, ...]:
    if isinstance(expected, inspect.EnumType):
        return tuple(member.value for member in expected.cls)
    if isinstance(expected, inspect.LiteralType):
        return expected.values
    raise TypeError(f"messages have no fields of the kind {type(expected).__name__}")


def _is_base64(text: str) -> bool:
    try:
        # Compared with its own encoding: the strict mode of CPython 3.11 lets surplus padding through ("AAAA=").
        return binascii.b2a_base64(binascii.a2b_base64(text, strict_mode=True), newline=False) == text.encode()
    except ValueError:
        return False
