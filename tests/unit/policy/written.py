"""Policies as short as tests want them."""

from __future__ import annotations

import json
from typing import Any

from hyok.policy.compiled import CompiledPolicies, compile_policies
from hyok.policy.dialects import KEY_POLICY, Dialect
from hyok.policy.document import Policy
from hyok.policy.parsing import parse_policy
from hyok.policy.values import Request, Value

ALICE = "arn:aws:iam::111122223333:user/Alice"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def policy(*statements: dict[str, Any], dialect: Dialect = KEY_POLICY) -> Policy:
    """Parse a policy; its statements allow everybody everything but for what is given."""
    whole = [_whole(one) for one in statements]
    return parse_policy(json.dumps({"Version": "2012-10-17", "Statement": whole}), dialect)


def policies(*statements: dict[str, Any], dialect: Dialect = KEY_POLICY) -> CompiledPolicies:
    """Compile one policy by the name of `p`."""
    return compile_policies({"p": policy(*statements, dialect=dialect)})


def request(principal: str = ALICE, **context: Value) -> Request:
    """Make a Decrypt; `kms_viaservice="ebs"` is the condition key `kms:viaservice`."""
    return Request(principal, "kms:Decrypt", KEY, {key.replace("_", ":", 1): value for key, value in context.items()})


def _whole(statement: dict[str, Any]) -> dict[str, Any]:
    usual = {"Principal": "*", "Action": "kms:*", "Resource": "*"}
    return {"Effect": "Allow"} | {name: one for name, one in usual.items() if f"Not{name}" not in statement} | statement
