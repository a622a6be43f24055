"""Invariant: any bytes are a policy that decides as it explains, or one fault of one line at a place of the document.

In every dialect. A policy that is read decides on requests of every kind of value without an error.
"""

from __future__ import annotations

import json

from hyok.policy.compiled import compile_policies
from hyok.policy.dialects import IDENTITY_POLICY, KEY_POLICY, PROXY_POLICY, Dialect
from hyok.policy.errors import PolicyError
from hyok.policy.explanation import explain
from hyok.policy.parsing import parse_policy
from hyok.policy.values import Request
from tests.unit.policy.cases import all_cases

_CASES = tuple(all_cases())[::25]
SEEDS = tuple(json.dumps(case.document).encode() for case in _CASES)
REQUESTS = (
    Request("arn:aws:sts::111122223333:assumed-role/App/s", "kms:Decrypt", "arn:aws:kms:a:1:key/b", {}),
    Request(
        "arn:aws:iam::111122223333:root",
        "kms:Encrypt",
        "",
        {
            "aws:sourcevpc": "vpc-1",
            "aws:tagkeys": ("a", "b"),
            "aws:currenttime": 1772366400.5,
            "aws:sourceip": "10.1.2.3",
        },
    ),
    Request("", "", "*", {"aws:sourcevpc": True, "aws:tagkeys": (), "aws:username": b"x", "s3:max-keys": -7}),
)


def fuzz_one(data: bytes) -> None:
    """Read the data as a policy of each dialect."""
    for dialect in (KEY_POLICY, IDENTITY_POLICY, PROXY_POLICY):
        check(data, dialect)


def check(data: bytes, dialect: Dialect) -> None:
    """Read the data as a policy of one dialect, and decide by it."""
    try:
        policies = compile_policies({"p": parse_policy(data, dialect)})
    except PolicyError as error:
        check_fault(error, data)
        return
    for request in REQUESTS:
        assert explain(policies, request).decision == policies.decide(request)


def check_fault(error: PolicyError, data: bytes) -> None:
    """Hold a fault against the document."""
    lines = data.decode(errors="replace").split("\n")
    assert 1 <= error.line <= len(lines)
    assert 1 <= error.column <= len(lines[error.line - 1]) + 1
    assert error.problem
    assert str(error).isprintable()
