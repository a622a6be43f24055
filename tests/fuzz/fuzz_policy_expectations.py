"""Invariant: any bytes are expectations that policies meet or not, or one sentence that says why they are none."""

from __future__ import annotations

from hyok.administration.policy_trials import check_expectations, read_expectations
from hyok.errors import NotDoneError
from tests.unit.proxy.authorization.written import policies

_POLICIES = policies(
    {"Sid": "App", "Principal": {"AWS": "arn:aws:iam::111122223333:role/app-*"}},
    {
        "Effect": "Deny",
        "Condition": {
            "StringNotEquals": {"hyok:RequestMetadata/SourceIdentity": "alice"},
            "NumericGreaterThan": {"hyok:HourOfDay": 20},
            "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
        },
    },
)
SEEDS = (
    b'[{"name": "a", "expect": "allowed", "statement": "App", "request": {"time": "2026-03-04T08:30:00Z", '
    b'"peer": "[::1]:1", "request_metadata": {"awsPrincipalArn": "arn:aws:iam::111122223333:role/app-1", '
    b'"kmsOperation": "Decrypt", "sourceIdentity": ["a", 1, null]}}}]',
    b'[{"expect": "refused", "request": {"request_metadata": {}, "extra_metadata": {"a": {"b": 1.5}}}}]',
    b"[]",
)


def fuzz_one(data: bytes) -> None:
    """Read the data as expectations, and hold policies to them."""
    try:
        check_expectations(_POLICIES, read_expectations(data))
    except NotDoneError:
        return
