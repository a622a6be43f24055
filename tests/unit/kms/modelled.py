"""Which errors a client of an operation can know: SDKs in Go, JavaScript and others have types for these alone."""

from __future__ import annotations

from functools import cache

from hyok.awsjson.errors import UNMODELLED_STATUSES
from tests.unit.awsjson.support import published_model


@cache
def errors_of(operation: str) -> frozenset[str]:
    modelled = published_model()["operations"].get(operation, {}).get("errors", [])
    return frozenset(error["shape"] for error in modelled) | UNMODELLED_STATUSES.keys()


def assert_known(operation: str, code: str) -> None:
    """Hold an error against the model; called for each that a test brings about, whatever the test is about."""
    assert code in errors_of(operation), f"the model of {operation} has no {code}"
