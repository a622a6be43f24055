from __future__ import annotations

import json

import pytest

from hyok.awsjson.errors import AwsError
from tests.unit.awsjson.support import kms, operation_names


@pytest.mark.parametrize("operation", operation_names())
def test_every_operation_is_found_by_its_target(operation: str) -> None:
    assert kms().operation_of(f"TrentService.{operation}".encode()) == operation


@pytest.mark.parametrize(
    "target",
    [
        b"",
        b"Encrypt",
        b"TrentService",
        b"TrentService.",
        b"TrentService.encrypt",
        b"trentservice.Encrypt",
        b"TrentService.Encrypt ",
        b"TrentService.Encrypt.Decrypt",
        b"DynamoDB_20120810.ListTables",
        b"\xff\x00",
    ],
)
def test_anything_else_is_an_unknown_operation_of_which_aws_says_no_more(target: bytes) -> None:
    with pytest.raises(AwsError) as caught:
        kms().operation_of(target)

    status, body = kms().encode_error(caught.value)
    assert (status, json.loads(body)) == (400, {"__type": "UnknownOperationException"})
