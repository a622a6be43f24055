"""Secondary authorization decides, from memory or not, as an evaluator does that is right at sight."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hyok.policy.decision import Decision
from hyok.policy.dialects import PROXY_POLICY
from hyok.policy.parsing import parse_policy
from hyok.proxy.authorization.key_store_policies import KeyStorePolicies
from hyok.proxy.authorization.policy_set import compile_set
from hyok.xks.messages import RequestMetadata
from tests.sizes import size
from tests.unit.policy import oracle

widely = settings(max_examples=size(usual=200, nightly=10_000))
seeds = st.integers(0, 2**32 - 1)
Documents = dict[str, dict[str, Any]]
PRINCIPALS = (
    "arn:aws:iam::111122223333:user/a",
    "arn:aws:iam::111122223333:role/a",
    "arn:aws:sts::111122223333:assumed-role/a/s",
    "arn:aws:sts::444455556666:assumed-role/b/s",
    "ebs.amazonaws.com",
    "AWS Internal",
)
WANTED_PRINCIPALS = (
    "*",
    {"AWS": "111122223333"},
    {"AWS": "arn:aws:iam::111122223333:role/a"},
    {"AWS": "arn:aws:iam::*:role/?"},
    {"Service": "ebs.amazonaws.com"},
)
ACTIONS = ("kms:*", "kms:Decrypt", "kms:GenerateDataKey*", "kms:Encrypt")
CONDITIONS = (
    {"StringEquals": {"aws:SourceVpc": "vpc-1"}},
    {"StringNotEquals": {"aws:SourceVpc": ["vpc-1", "vpc-2"]}},
    {"StringLikeIfExists": {"kms:ViaService": "s3.*"}},
    {"StringEquals": {"hyok:ExternalKeyId": "k1"}},
    {"StringEquals": {"hyok:XksOperation": "Decrypt"}},
    {"StringEquals": {"aws:PrincipalAccount": "111122223333"}},
    {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/a"}},
    {"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
    {"NumericLessThan": {"hyok:HourOfDay": 12}},
    {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
    {"StringEquals": {"hyok:RequestMetadata/Tag": ["true", "1"]}},
    {"ForAllValues:StringEquals": {"hyok:RequestMetadata/Tag": ["a"]}},
    {"Null": {"hyok:RequestMetadata/Tag": "true"}},
)
TAGS: tuple[Any, ...] = (None, "a", "true", True, 1, 1.0, ["a"], ["a", "b"], [])


def draw_documents(source: Random, prefix: str) -> Documents:
    return {
        f"{prefix}{name}": {"Version": "2012-10-17", "Statement": [draw_statement(source) for _ in range(2)]}
        for name in "pq"[: source.randint(0, 2)]
    }


def draw_statement(source: Random) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Effect": source.choice(("Allow", "Allow", "Deny")),
        "Principal": source.choice(WANTED_PRINCIPALS),
        "Action": source.choice(ACTIONS),
    }
    if source.random() < 0.6:
        statement["Condition"] = source.choice(CONDITIONS)
    return statement


class Asked:
    """One request, as the proxy has it and as the oracle is told."""

    def __init__(self, source: Random) -> None:
        self.metadata = RequestMetadata(
            kms_operation=source.choice(("Decrypt", "Encrypt", "GenerateDataKey")),
            kms_request_id=str(source.random()),
            aws_principal_arn=source.choice(PRINCIPALS),
            kms_key_arn="arn:aws:kms:eu-central-1:111122223333:key/1",
            aws_source_vpc=source.choice(("", "vpc-1", "vpc-3")),
            kms_via_service=source.choice(("", "s3.eu-central-1.amazonaws.com")),
        )
        self.key = source.choice(("k1", "k2"))
        self.operation = source.choice(("Decrypt", "Encrypt"))
        self.hour = source.choice((6, 18))
        self.address = source.choice(("10.1.2.3", "192.0.2.7"))
        self.extra = {} if (tag := source.choice(TAGS)) is None else {"tag": tag}

    def as_told(self) -> dict[str, Any]:
        told = self.metadata
        fields = told.aws_principal_arn.split(":")
        account = fields[4] if len(fields) == 6 else ""
        context: dict[str, Any] = {
            "aws:principalarn": f"arn:aws:iam::{account}:role/{fields[5].split('/')[1]}"
            if ":assumed-role/" in told.aws_principal_arn
            else told.aws_principal_arn,
            "aws:principalaccount": account or (),
            "aws:principalorgid": "o-1" if account == "444455556666" else (),
            "aws:sourcevpc": told.aws_source_vpc or (),
            "kms:viaservice": told.kms_via_service or (),
            "aws:sourceip": self.address,
            "hyok:hourofday": float(self.hour),
            "hyok:externalkeyid": self.key,
            "hyok:xksoperation": self.operation,
        }
        if self.extra:
            tag = self.extra["tag"]
            context["hyok:requestmetadata/tag"] = tuple(tag) if isinstance(tag, list) else tag
        return {
            "principal": told.aws_principal_arn,
            "action": f"kms:{told.kms_operation}",
            "resource": told.kms_key_arn,
            "context": {name: value for name, value in context.items() if value != ()},
        }


def together(places: list[Documents], told: dict[str, Any]) -> tuple[str, str, str] | None:
    """Decide as documented: each place that has policies must allow, and a Deny goes before everything."""
    decided = [oracle.decide(documents, told, accounts_delegate=False) for documents in places if documents]
    for outcome in ("denied", "not allowed"):
        for decision in decided:
            if decision[0] == outcome:
                return decision
    return decided[-1] if decided else None


def words(decision: Decision | None) -> tuple[str, str, str] | None:
    return decision and (decision.outcome.value, decision.policy or "", decision.statement or "")


@widely
@given(seeds)
def test_every_request_is_decided_as_the_oracle_decides_it_and_always_the_same(seed: int) -> None:
    source = Random(seed)
    of_store, of_key, tried = (draw_documents(source, prefix) for prefix in ("s", "k", "k"))
    parsed = [
        {name: parse_policy(json.dumps(each), PROXY_POLICY) for name, each in documents.items()}
        for documents in (of_store, of_key, tried)
    ]
    of_k1 = compile_set(parsed[1], parsed[2])
    policies = KeyStorePolicies(
        "main",
        of_store=compile_set(parsed[0], {}),
        of_keys={} if of_k1 is None else {"k1": of_k1},
        organizations={"444455556666": "o-1"},
    )
    requests = [Asked(source) for _ in range(8)]
    for asked in (*requests, *requests):
        verdict = policies.decide(
            asked.metadata,
            asked.key,
            asked.operation,
            peer=asked.address,
            now=1_764_028_800.0 + asked.hour * 3600 - 1_764_028_800.0 % 86_400,
            read_extra_metadata=lambda extra=asked.extra: extra,  # type: ignore[misc]  # a default binds it now
        )
        inner = of_key if asked.key == "k1" else {}
        expected = together([of_store, inner], asked.as_told())
        assert words(verdict and verdict.enforced) == expected
        if asked.key == "k1" and tried:
            assert verdict is not None
            assert words(verdict.candidate) == together([of_store, {**inner, **tried}], asked.as_told())
        elif verdict is not None:
            assert verdict.candidate is None
