"""Policies of a key store, as short as tests want them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hyok.policy.dialects import PROXY_POLICY
from hyok.policy.document import Policy
from hyok.policy.parsing import parse_policy
from hyok.proxy.authorization.facts import Organizations
from hyok.proxy.authorization.key_store_policies import KeyStorePolicies
from hyok.proxy.authorization.policy_set import PolicySet, compile_set

Statements = Sequence[Mapping[str, Any]]


def document(*statements: Mapping[str, Any]) -> str:
    """Write a proxy policy; its statements allow everybody everything but for what is given."""
    usual = {"Effect": "Allow", "Principal": "*", "Action": "kms:*"}
    whole = [{name: one for name, one in usual.items() if f"Not{name}" not in each} | dict(each) for each in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": whole})


def policy(*statements: Mapping[str, Any]) -> Policy:
    """Parse a proxy policy."""
    return parse_policy(document(*statements), PROXY_POLICY)


def place(enforced: Statements = (), shadow: Statements = ()) -> PolicySet | None:
    """Compile the policies of one place: one in force by the name of `p`, one in shadow mode by that name."""
    return compile_set(
        {"p": policy(*enforced)} if enforced else {},
        {"p": policy(*shadow)} if shadow else {},
    )


def policies(
    *statements: Mapping[str, Any],
    shadow: Statements = (),
    of_keys: Mapping[str, Statements] | None = None,
    organizations: Organizations | None = None,
) -> KeyStorePolicies:
    """Make the policies of the key store alpha."""
    sets = {key_id: place(each) for key_id, each in (of_keys or {}).items()}
    return KeyStorePolicies(
        "alpha",
        of_store=place(statements, shadow),
        of_keys={key_id: each for key_id, each in sets.items() if each is not None},
        organizations=organizations,
    )
