"""A request for each constraint of each of the 56 operations, over the wire: AWS's ValidationException word by word."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from hyok.testing.dev_server import DevServer
from tests.e2e.wire import kms_wire
from tests.unit.awsjson import oracle
from tests.unit.awsjson.support import operation_names

RECORDED = json.loads((Path(__file__).parents[1] / "vectors/aws-validation-kms.json").read_text())["answers"]
OPERATIONS = 56


def text_of(violations: list[str]) -> str:
    return f"{len(violations)} validation error{'s' if len(violations) > 1 else ''} detected: {'; '.join(violations)}"


@pytest.mark.parametrize("operation", operation_names())
def test_each_broken_constraint_is_answered_in_awss_words(hyok_dev: DevServer, operation: str) -> None:
    shape = oracle.input_of(operation)
    with kms_wire(hyok_dev) as wire:
        for request in oracle.violators(shape):
            expected = text_of(list(oracle.violations(shape, request)))
            assert wire.ask(operation, request).refusal == ("ValidationException", expected, 400)


def test_what_aws_is_known_to_have_answered_comes_over_the_wire(hyok_dev: DevServer) -> None:
    with kms_wire(hyok_dev) as wire:
        for recorded in RECORDED:
            blobs: dict[str, Any] = {
                name: base64.b64encode(bytes(size)).decode() for name, size in recorded.get("blobs", {}).items()
            }
            answer = wire.ask(recorded["operation"], recorded["request"] | blobs)
            assert answer.refusal == ("ValidationException", text_of(recorded["violations"]), 400)


def test_there_are_as_many_operations_as_the_model_had_when_this_was_written() -> None:
    assert len(operation_names()) == OPERATIONS
