"""Every constraint of every input of every operation, broken one at a time, against an oracle of its own."""

from __future__ import annotations

import msgspec
import pytest

from tests.unit.awsjson import oracle
from tests.unit.awsjson.support import kms, operation_names, refusal_of


@pytest.mark.parametrize("operation", operation_names())
def test_a_request_with_every_member_present_is_taken_as_it_is(operation: str) -> None:
    request = oracle.example(oracle.input_of(operation))

    assert kms().decode_input(operation, msgspec.json.encode(request)) == request


@pytest.mark.parametrize("operation", operation_names())
def test_each_broken_constraint_gives_exactly_its_text(operation: str) -> None:
    shape = oracle.input_of(operation)
    requests = list(oracle.violators(shape))

    assert requests
    for request in requests:
        expected = list(oracle.violations(shape, request))
        assert expected, "the request breaks nothing"
        error = refusal_of(operation, msgspec.json.encode(request))
        count = f"{len(expected)} validation error{'s' if len(expected) > 1 else ''} detected: "
        assert (error.code, error.message) == ("ValidationException", count + "; ".join(expected))


@pytest.mark.parametrize("operation", operation_names())
def test_the_edges_of_each_constraint_are_within_it_on_both_ways(operation: str) -> None:
    for request in oracle.edges(oracle.input_of(operation)):
        body = msgspec.json.encode(request)
        # A null takes the exact way; the member's second, real value then counts.
        nulled = b'{"%b":null,%b' % (next(iter(request)).encode(), body[1:])

        assert kms().decode_input(operation, body) == request
        assert kms().decode_input(operation, nulled) == request


def test_every_kind_of_constraint_is_broken_somewhere() -> None:
    kinds = {
        "must not be null",
        "must have length less than",
        "must have length greater than",
        "must have value less than",
        "must have value greater than",
        "must satisfy regular expression",
        "must satisfy enum value set",
        "must satisfy constraint",
    }
    said = "".join(
        text
        for operation in operation_names()
        for request in oracle.violators(oracle.input_of(operation))
        for text in oracle.violations(oracle.input_of(operation), request)
    )

    assert {kind for kind in kinds if f"Member {kind}" in said} == kinds
