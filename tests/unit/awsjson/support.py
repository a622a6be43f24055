"""What the tests of this package share: botocore's own view of KMS, read without any code of ours."""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.loaders
import botocore.model
import msgspec

from hyok.awsjson.errors import AwsError
from hyok.awsjson.model import Model, ShapeReference
from hyok.awsjson.service import ServiceModel, load_service_model


@cache
def published_model() -> dict[str, Any]:
    """Return the KMS model as botocore loads it."""
    model: dict[str, Any] = botocore.loaders.Loader().load_service_model("kms", "service-2")
    return model


@cache
def botocore_service() -> Any:
    """Return botocore's own object over that model."""
    return botocore.model.ServiceModel(published_model(), "kms")


@cache
def kms() -> ServiceModel:
    """Return ours, compiled once for all tests."""
    return load_service_model()


def operation_names() -> list[str]:
    return list(published_model()["operations"])


def refusal_of(operation: str, body: bytes) -> AwsError:
    """Decode a request that must be refused."""
    try:
        decoded = kms().decode_input(operation, body)
    except AwsError as error:
        return error
    raise AssertionError(f"{operation} took {body!r} as {decoded!r}")


def small_model(shapes: dict[str, Any]) -> Model:
    """Return a model of one operation, `Act`, whose input is the shape `Input`."""
    document = {
        "metadata": {"targetPrefix": "TrentService"},
        "operations": {"Act": {"input": {"shape": "Input"}, "output": {"shape": "Input"}}},
        "shapes": shapes,
    }
    return msgspec.convert(document, Model)


INPUT = ShapeReference("Input")
