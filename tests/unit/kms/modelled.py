"""Which errors a client of an operation can know: SDKs in Go, JavaScript and others have types for these alone."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.validate import ParamValidator

from hyok.awsjson.errors import UNMODELLED_STATUSES
from tests.unit.awsjson.support import botocore_service, published_model


@cache
def errors_of(operation: str) -> frozenset[str]:
    modelled = published_model()["operations"].get(operation, {}).get("errors", [])
    return frozenset(error["shape"] for error in modelled) | UNMODELLED_STATUSES.keys()


def assert_known(operation: str, code: str) -> None:
    """Hold an error against the model; called for each that a test brings about, whatever the test is about."""
    assert code in errors_of(operation), f"the model of {operation} has no {code}"


def assert_conforms(operation: str, output: dict[str, object]) -> None:
    """Hold an answer against the shape that the model gives it: members, types, lengths, and what is required."""
    shape = botocore_service().operation_model(operation).output_shape
    if shape is None:
        assert output == {}
        return
    assert_members(shape, output, operation)
    report = ParamValidator().validate(output, shape)
    assert not report.has_errors(), f"{operation}: {report.generate_report()}"


def assert_members(shape: Any, value: Any, path: str) -> None:
    if shape.type_name == "structure":
        assert value.keys() <= shape.members.keys(), path
        for name, member in value.items():
            assert_members(shape.members[name], member, f"{path}.{name}")
    elif shape.type_name == "list":
        for member in value:
            assert_members(shape.member, member, f"{path}[]")
    elif shape.type_name == "string" and shape.enum:
        assert value in shape.enum, f"{path} is {value}"
