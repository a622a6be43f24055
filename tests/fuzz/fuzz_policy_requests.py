"""Invariant: whatever a request brings is decided, from memory too, as it is explained.

The data, cut at zero bytes, is principal, resource, and the values of condition keys that policies look at.
"""

from __future__ import annotations

import json

from hyok.policy.compiled import compile_policies
from hyok.policy.explanation import explain
from hyok.policy.memory import DecisionMemory
from hyok.policy.parsing import parse_policy
from hyok.policy.values import Request, Value
from tests.unit.policy.cases import all_cases

SEEDS = (
    b"arn:aws:sts::111122223333:assumed-role/App/i-1\x00arn:aws:kms:eu-west-1:1:key/1\x00vpc-1\x0010.1.2.3",
    b"arn:aws:iam::111122223333:user/a\x00\x002026-03-01T12:00:00Z\x00arn:aws:sns:us-east-1:1:t\x007.5\x00true",
    b"ebs.amazonaws.com\x00*\x00::ffff:10.1.2.3%eth0\x00YWI=\x00",
)


_CASES = tuple(all_cases())[::16]
_COMPILED = tuple(
    compile_policies({case.name: parse_policy(json.dumps(case.document), case.dialect) for case in _CASES[start::6]})
    for start in range(6)
)


def fuzz_one(data: bytes) -> None:
    """Make a request of the data, and decide on it by some policies of the table."""
    principal, resource, *values = (one.decode(errors="replace") for one in (data + b"\0\0").split(b"\0"))
    for policies in _COMPILED[len(data) % 6 :: 6]:
        context: dict[str, Value] = {}
        for place, key in enumerate(sorted(policies.inputs.keys)):
            value = values[place % len(values)]
            context[key] = tuple(values) if place % 3 == 0 else value
        request = Request(principal, "kms:Decrypt", resource, context)
        decision = policies.decide(request)
        assert explain(policies, request).decision == decision
        memory = DecisionMemory(policies)
        assert memory.decide(request) == memory.decide(request) == decision
