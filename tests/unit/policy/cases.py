"""The table of what AWS documents: tests/vectors/policy-cases.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hyok.policy.dialects import IDENTITY_POLICY, KEY_POLICY, PROXY_POLICY, Dialect
from hyok.policy.values import Request, Value, fold_names

DIALECTS = {dialect.title.partition(" ")[2]: dialect for dialect in (KEY_POLICY, IDENTITY_POLICY, PROXY_POLICY)}
_TABLE = json.loads((Path(__file__).parents[2] / "vectors/policy-cases.json").read_text())
_REQUEST = {
    "principal": "arn:aws:iam::111122223333:user/Alice",
    "action": "kms:Decrypt",
    "resource": "arn:aws:kms:a:1:key/b",
}


class Case(NamedTuple):
    """A document, a request, and what AWS documents for them."""

    name: str
    dialect: Dialect
    document: dict[str, Any]
    request: dict[str, Any]
    outcome: str
    statement: str


def all_cases() -> Iterator[Case]:
    """Return every case; a condition stands once in an Allow and once in a Deny."""
    for group in _TABLE["conditions"]:
        for row in group["cases"]:
            for effect, outcome in (("Allow", "allowed"), ("Deny", "denied")):
                statement = {
                    "Sid": "Tested",
                    "Effect": effect,
                    "Principal": "*",
                    "Action": "kms:*",
                    "Resource": "*",
                    "Condition": row["condition"],
                }
                yield Case(
                    f"{group['title']}: {row['name']} ({effect})",
                    KEY_POLICY,
                    {"Version": group.get("version", "2012-10-17"), "Statement": statement},
                    _REQUEST | {"context": row["context"]},
                    outcome if row["is_met"] else "not allowed",
                    "Tested" if row["is_met"] else "",
                )
    for group in _TABLE["policies"]:
        for row in group["cases"]:
            yield Case(
                f"{group['title']}: {row['name']}",
                DIALECTS[group["dialect"]],
                {"Version": row.get("version", "2012-10-17"), "Statement": row["statements"]},
                {name: row.get(name, {}) for name in ("principal", "action", "resource", "context")},
                row["outcome"],
                row.get("statement", ""),
            )


def count_rows() -> int:
    """Return the number of rows in the table."""
    return sum(len(group["cases"]) for groups in _TABLE.values() for group in groups)


def as_request(request: dict[str, Any]) -> Request:
    """Make the request that the evaluator takes."""
    context: dict[str, Value] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in request["context"].items()
    }
    return Request(request["principal"], request["action"], request["resource"], fold_names(context))
