"""CPU per decision of policies, without a proxy or a KMS around them.

20 policies of 10 statements, as a company with 20 teams might set on its key stores: each team's roles are allowed by
name pattern, key ARN, operation, VPC and service; denied are other VPC endpoints, other accounts, frozen keys and old
roles. Every request is of another caller for another key, so that nothing helps but the index.

Besides: the same requests from memory; policies whose statements all fit but for one condition; policies that ask for
hour and address; one key policy.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from hyok.audit.event import RequestRecord
from hyok.policy.compiled import CompiledPolicies, compile_policies
from hyok.policy.decision import Decision, Outcome
from hyok.policy.dialects import KEY_POLICY, PROXY_POLICY
from hyok.policy.memory import DecisionMemory
from hyok.policy.parsing import parse_policy
from hyok.policy.values import Request
from hyok.proxy.authorization.authorizing import Authorization
from hyok.proxy.authorization.key_store_policies import KeyStorePolicies
from hyok.proxy.authorization.policy_set import compile_set
from hyok.proxy.keystores import ExternalKey, ExternalKeys, KeyStore
from hyok.transport.messages import HttpRequest, Peer
from hyok.xks.messages import RequestMetadata

POLICIES = 20
REQUESTS = 1000
FIRST_ACCOUNT = 111111111111

Statement = dict[str, Any]
SubjectT = TypeVar("SubjectT")


class Found(NamedTuple):
    """CPU microseconds, of the best round."""

    decide: float
    remembered: float
    decide_by_condition: float
    """Where action, resource and caller leave all 200 statements."""
    decide_by_hour_and_address: float
    """Where a tenth of the statements ask for the hour or an address, and apply to everybody."""
    decide_key_policy: float
    authorize_first: float
    """The proxy's whole step, of a request like none before it."""
    authorize_again: float
    """The same, of one that was decided before."""
    authorize_without: float
    """The same, where no policy is set."""
    parse_policy: float
    compile_policy: float


def measure(*, rounds: int) -> Found:
    """Measure everything."""
    requests = [make_request(number) for number in range(REQUESTS)]
    teams = compiled(team_statements)
    memory = DecisionMemory(teams, max_decisions=2 * REQUESTS)
    key_policy = compile_policies({"key": parse_policy(_key_policy(), KEY_POLICY)})
    documents = [_document(team_statements(number)) for number in range(POLICIES)]
    parsed = [parse_policy(document, PROXY_POLICY) for document in documents]
    _check_outcomes(teams, requests)
    return Found(
        decide=_microseconds(teams.decide, requests, rounds),
        remembered=_microseconds(memory.decide, requests, rounds),
        decide_by_condition=_microseconds(compiled(service_statements).decide, requests, rounds),
        decide_by_hour_and_address=_microseconds(compiled(momentary_statements).decide, requests, rounds),
        decide_key_policy=_microseconds(key_policy.decide, requests, rounds),
        **_measure_proxy(requests, documents, rounds),
        parse_policy=_microseconds(lambda document: parse_policy(document, PROXY_POLICY), documents, rounds),
        compile_policy=_microseconds(lambda policy: compile_policies({"p": policy}), parsed, rounds),
    )


def _measure_proxy(requests: Sequence[Request], documents: Sequence[str], rounds: int) -> dict[str, float]:
    """Measure the proxy's own step, from metadata as the codec gives it to the record."""
    key = ExternalKey("payments-3", "software", "payments")
    sets = {f"team-{number}": parse_policy(document, PROXY_POLICY) for number, document in enumerate(documents)}
    authorization, asked = Authorization(), HttpRequest(Peer("10.11.12.13:4711", ""))
    record = RequestRecord(
        datetime.now(UTC), asked.peer.address, key_store="main", external_key_id=key.id, operation="Decrypt"
    )
    told = [msgspec.json.encode(_metadata_of(request)) for request in requests]
    read = msgspec.json.Decoder(RequestMetadata).decode

    def measure_step(key_store: KeyStore) -> float:
        """Return the µs of a round; the texts are new each time, as they are to a proxy."""
        metadata = [read(each) for each in told]
        began = time.process_time()
        for each in metadata:
            authorization.decide(asked, each, record, key_store=key_store, key=key, now=1.8e9)
        return (time.process_time() - began) / len(metadata) * 1e6

    def make_key_store(policies: KeyStorePolicies | None) -> KeyStore:
        return KeyStore("main", "/main", frozenset(), {}, ExternalKeys([key]), policies=policies)

    def make_policies() -> KeyStorePolicies:
        return KeyStorePolicies("main", of_store=compile_set(sets, {}))

    known = make_key_store(make_policies())
    measure_step(known)
    fresh = [make_key_store(make_policies()) for _ in range(rounds)]
    return {
        "authorize_first": min(map(measure_step, fresh)),
        "authorize_again": min(measure_step(known) for _ in range(rounds)),
        "authorize_without": min(measure_step(make_key_store(None)) for _ in range(rounds)),
    }


def _metadata_of(request: Request) -> RequestMetadata:
    context = request.context
    return RequestMetadata(
        kms_operation=request.action.partition(":")[2],
        kms_request_id="4112f4d6-db54-4af4-ae30-c55a22a8dfae",
        aws_principal_arn=request.principal,
        kms_key_arn=request.resource,
        aws_source_vpc=str(context["aws:sourcevpc"]),
        aws_source_vpce=str(context["aws:sourcevpce"]),
        kms_via_service=str(context["kms:viaservice"]),
    )


def compiled(statements_of: Callable[[int], list[Statement]]) -> CompiledPolicies:
    """Compile the policies of all teams."""
    documents = {f"team-{number}": _document(statements_of(number)) for number in range(POLICIES)}
    return compile_policies({name: parse_policy(document, PROXY_POLICY) for name, document in documents.items()})


def make_request(number: int) -> Request:
    """Return one of a thousand requests: of all teams and roles, each from another session for another key."""
    account = FIRST_ACCOUNT + number % POLICIES
    role = f"App-{number % 5}-backend"
    return Request(
        f"arn:aws:sts::{account}:assumed-role/{role}/session-{number}",
        ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")[number % 3],
        f"arn:aws:kms:eu-central-1:{account}:key/1234abcd-12ab-34cd-56ef-{number:012d}",
        {
            "aws:principalarn": f"arn:aws:iam::{account}:role/{role}",
            "aws:sourceip": "10.11.12.13",
            "aws:sourcevpc": "vpc-12",
            "aws:sourcevpce": "vpce-1",
            "hyok:externalkeyid": "payments-3",
            "hyok:hourofday": 11.5,
            "kms:viaservice": "s3.eu-central-1.amazonaws.com",
        },
    )


def team_statements(team: int) -> list[Statement]:
    """Return the ten statements of a team."""
    account = FIRST_ACCOUNT + team
    allows = [
        {
            "Sid": f"App{number}",
            "Effect": "Allow",
            "Principal": {
                "AWS": [f"arn:aws:iam::{account}:role/App-{number}-*", f"arn:aws:iam::{account}:user/operator-{number}"]
            },
            "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": f"arn:aws:kms:*:{account}:key/*",
            "Condition": {
                "StringEquals": {"kms:ViaService": ["s3.eu-central-1.amazonaws.com", "ebs.amazonaws.com"]},
                "StringLike": {"aws:SourceVpc": "vpc-*"},
            },
        }
        for number in range(5)
    ]
    return [
        *allows,
        _deny("OtherEndpoints", Condition={"StringNotEquals": {"aws:SourceVpce": ["vpce-1", f"vpce-{team}"]}}),
        _deny("OtherVpcs", NotAction="kms:Decrypt", Condition={"StringNotLikeIfExists": {"aws:SourceVpc": "vpc-1*"}}),
        _deny("OtherAccounts", NotPrincipal={"AWS": [str(FIRST_ACCOUNT + one) for one in range(POLICIES)]}),
        _deny(
            "OldRoles",
            Principal={"AWS": f"arn:aws:iam::{account}:role/Legacy*"},
            Condition={"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::{account}:role/Legacy-allowed*"}},
        ),
        _deny(
            "FrozenKeys",
            Condition={"StringEquals": {"hyok:ExternalKeyId": [f"frozen-{team}-{one}" for one in range(5)]}},
        ),
    ]


def service_statements(team: int) -> list[Statement]:
    """Return ten statements about everybody, each for one service that no request comes from."""
    return [
        _deny(
            f"Service{number}", Condition={"StringLike": {"kms:ViaService": f"service-{team}-{number}.*.amazonaws.com"}}
        )
        for number in range(10)
    ]


def momentary_statements(team: int) -> list[Statement]:
    """Return a team's statements, of which one asks for the hour and the address instead."""
    *statements, _ = team_statements(team)
    outside = {
        "NumericGreaterThanEquals": {"hyok:HourOfDay": 20},
        "NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", f"192.0.2.{team}"]},
    }
    return [*statements, _deny("OutsideOfHours", Condition=outside)]


def _deny(name: str, **elements: Any) -> Statement:
    usual = {"Principal": "*", "Action": "kms:*"}
    kept = {name: value for name, value in usual.items() if f"Not{name}" not in elements}
    return {"Sid": name, "Effect": "Deny"} | kept | elements


def _document(statements: Sequence[Statement]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def _key_policy() -> str:
    delegation = {"AWS": f"arn:aws:iam::{FIRST_ACCOUNT}:root"}
    return _document([{"Effect": "Allow", "Principal": delegation, "Action": "kms:*", "Resource": "*"}])


def _check_outcomes(policies: CompiledPolicies, requests: Sequence[Request]) -> None:
    for number, request in enumerate(requests):
        team = f"team-{number % POLICIES}"
        assert policies.decide(request) == Decision(Outcome.ALLOWED, team, f"App{number % 5}")


def _microseconds(do: Callable[[SubjectT], object], subjects: Sequence[SubjectT], rounds: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for subject in subjects:
            do(subject)
        best = min(best, time.process_time() - began)
    return best / len(subjects) * 1e6
