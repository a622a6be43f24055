"""Trying policies before they are in force: expectations that they must meet, and the last month once more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from hyok.administration.policy_requests import TrialRequest, read_request, refuse_other_names
from hyok.errors import NotDoneError
from hyok.policy.callers import principal_arn_of
from hyok.policy.decision import NOT_ALLOWED, Decision, Outcome
from hyok.policy.document import Policy
from hyok.policy.explanation import StatementExplanation, explain
from hyok.proxy.authorization.facts import EXTRA_METADATA, Organizations, make_context, make_request
from hyok.proxy.authorization.key_store_policies import KeyStorePolicies, Verdict
from hyok.proxy.authorization.policy_set import compile_set
from hyok.xks.errors import XksErrorName

_REFUSED: Final = "refused"
_EXPECTED: Final = (*(outcome.value for outcome in Outcome if outcome is not Outcome.DELEGATED), _REFUSED)
_TIME_KEYS: Final = frozenset(("aws:currenttime", "aws:epochtime", "hyok:hourofday", "hyok:dayofweek"))
_ADDRESS_KEY: Final = "aws:sourceip"
MAX_GROUPS: Final = 10_000
"""Of changes that a replay tells apart; beyond, principals are counted together."""
OTHER_PRINCIPALS: Final = "(others)"


def policies_alone(policies: Mapping[str, Policy], organizations: Organizations) -> KeyStorePolicies:
    """Return policies from files, as if they were those of every key store."""
    return KeyStorePolicies("", of_store=compile_set(policies, {}), organizations=organizations)


# What is expected of policies.


class Expectation(NamedTuple):
    """What policies must decide on a request."""

    name: str
    request: TrialRequest
    outcome: str
    """An outcome, or `refused` for whatever does not allow."""
    statement: str
    """The statement that must decide; empty for any."""


class Finding(NamedTuple):
    """What they did decide."""

    expectation: Expectation
    decision: Decision

    @property
    def is_met(self) -> bool:
        """Whether that was expected."""
        expected, found = self.expectation, self.decision
        is_expected = expected.outcome in (
            found.outcome.value,
            _REFUSED if found.outcome is not Outcome.ALLOWED else "",
        )
        return is_expected and expected.statement in ("", found.statement)


def read_expectations(document: bytes) -> tuple[Expectation, ...]:
    """Read a file of expectations: a JSON list of `{"name": …, "request": …, "expect": …, "statement": …}`.

    NotDoneError says which of them is none.
    """
    try:
        found = msgspec.json.decode(document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotDoneError(f"the expectations are not JSON: {error}") from error
    if not isinstance(found, list):
        raise NotDoneError("the expectations must be a JSON list")
    return tuple(_read_expectation(number, each) for number, each in enumerate(found, 1))


def check_expectations(policies: KeyStorePolicies, expectations: Iterable[Expectation]) -> tuple[Finding, ...]:
    """Hold policies to what is expected of them. NotDoneError if it is not told what a policy looks at."""
    looked_at = policies.keys
    found = []
    for each in expectations:
        _require_told(each, looked_at)
        decision = policies.decide_afresh(each.request.facts(policies.organizations)).enforced or NOT_ALLOWED
        found.append(Finding(each, decision))
    return tuple(found)


def _read_expectation(number: int, found: object) -> Expectation:
    if not isinstance(found, dict) or not isinstance(found.get("request"), dict):
        raise NotDoneError(f'expectation {number} must be an object with "request" and "expect"')
    unknown = set(found) - {"name", "request", "expect", "statement"}
    if unknown:
        raise NotDoneError(f"expectation {number}: {min(unknown)!r} is none of name, request, expect, statement")
    if found.get("expect") not in _EXPECTED:
        raise NotDoneError(f'expectation {number}: "expect" must be one of {", ".join(_EXPECTED)}')
    try:
        refuse_other_names(found["request"])
        request = read_request(found["request"])
    except NotDoneError as error:
        raise NotDoneError(f"expectation {number}: {error}") from error
    return Expectation(str(found.get("name") or number), request, found["expect"], str(found.get("statement") or ""))


def _require_told(expectation: Expectation, looked_at: frozenset[str]) -> None:
    if expectation.request.time is None and looked_at & _TIME_KEYS:
        raise NotDoneError(f'expectation {expectation.name}: a policy looks at the time; give "time" in the request')
    if not expectation.request.address and _ADDRESS_KEY in looked_at:
        raise NotDoneError(f'expectation {expectation.name}: a policy looks at the address; give "peer" in the request')


# Why a request is decided as it is.


class Explained(NamedTuple):
    """A decision, and every statement of every place that might have made it."""

    decision: Decision | None
    """None if no policy concerns the request."""
    places: tuple[tuple[StatementExplanation, ...], ...]
    """The outermost first; each must allow."""


def explain_request(policies: KeyStorePolicies, request: TrialRequest, *, with_shadow: bool = False) -> Explained:
    """Explain what policies decide, or would with those in shadow mode in force."""
    facts = request.facts(policies.organizations)
    verdict = policies.decide_afresh(facts)
    asked = make_request(facts, make_context(facts))
    compiled = [
        (place.candidate or place.enforced) if with_shadow else place.enforced
        for place in policies.places_of(request.external_key_id)
    ]
    places = tuple(explain(each, asked).statements for each in compiled if each is not None)
    decision = verdict.candidate if with_shadow and verdict.candidate is not None else verdict.enforced
    return Explained(decision, places)


# What the past would have been.


class ReplayGroup(NamedTuple):
    """Requests that would be answered otherwise, for the same reason."""

    principal: str
    """Of a session, its role."""
    key: str
    """`key store/external key id`."""
    operation: str
    """KMS's."""
    becomes: str
    """`allowed` or `refused`."""
    policy: str
    statement: str
    """What would decide; empty where no statement allows."""


@dataclass(slots=True)
class Replay:
    """What a replay came to."""

    evaluated: int = 0
    skipped: int = 0
    """Records of uses of keys that name too little."""
    still_allowed: int = 0
    still_refused: int = 0
    changed: dict[ReplayGroup, int] = field(default_factory=dict)
    """How many requests of each group."""

    def count(self, becomes: str) -> int:
        """Return how many requests would become `allowed` or `refused`."""
        return sum(count for group, count in self.changed.items() if group.becomes == becomes)


def replay_records(policies: KeyStorePolicies, records: Iterable[Mapping[str, Any]], *, key_store: str = "") -> Replay:
    """Decide again on what the audit trail holds, in bounded memory; with `key_store`, only on its requests.

    What was refused by AccessDeniedException was refused; everything else had been allowed.
    """
    replay = Replay()
    for record in records:
        if not record.get("request_metadata") or not record.get("external_key_id"):
            continue
        if key_store and record.get("key_store") != key_store:
            continue
        try:
            request = read_request(record)
        except NotDoneError:
            replay.skipped += 1
            continue
        verdict = policies.decide_afresh(request.facts(policies.organizations))
        _count(replay, request, verdict, was_allowed=record.get("error") != XksErrorName.ACCESS_DENIED.value)
    return replay


def looks_at_extra_metadata(policies: KeyStorePolicies) -> bool:
    """Tell whether policies look at metadata that records hold only if a policy looked at it then, too."""
    return any(key.startswith(EXTRA_METADATA) for key in policies.keys)


def _count(replay: Replay, request: TrialRequest, verdict: Verdict, *, was_allowed: bool) -> None:
    replay.evaluated += 1
    if was_allowed is verdict.would_be_allowed:
        if was_allowed:
            replay.still_allowed += 1
        else:
            replay.still_refused += 1
        return
    decision = verdict.candidate or verdict.enforced or NOT_ALLOWED
    group = ReplayGroup(
        principal_arn_of(request.metadata.aws_principal_arn),
        f"{request.key_store}/{request.external_key_id}",
        request.metadata.kms_operation,
        "allowed" if verdict.would_be_allowed else _REFUSED,
        decision.policy or "",
        decision.statement or "",
    )
    if group not in replay.changed and len(replay.changed) >= MAX_GROUPS:
        group = group._replace(principal=OTHER_PRINCIPALS, key="", operation="")
    replay.changed[group] = replay.changed.get(group, 0) + 1


def biggest(replay: Replay, count: int) -> Sequence[tuple[ReplayGroup, int]]:
    """Return the groups of most requests, those that become refused first."""
    order = sorted(replay.changed.items(), key=lambda each: (each[0].becomes != _REFUSED, -each[1], each[0]))
    return order[:count]
