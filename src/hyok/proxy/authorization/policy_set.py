"""The policies of one place, which is a key store or one of its external keys, and what several places decide together.

Within a place all policies count as one. Every place that has policies must allow a request: a key's policies narrow
what those of its key store allow. A Deny decides wherever it stands, and goes before what is merely not allowed.

Policies in shadow mode decide nothing. They are tried as they would be in force: in the place of those of the same
name, beside all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from hyok.policy.compiled import CompiledPolicies, Judgement, compile_policies
from hyok.policy.decision import Decision, Outcome
from hyok.policy.document import Policy
from hyok.policy.values import Request

UNREADABLE: Final = "policy cannot be read"


class PolicySet(NamedTuple):
    """The policies of one place, compiled."""

    enforced: CompiledPolicies | None
    """None if none are in force."""
    candidate: CompiledPolicies | None
    """What would be in force with those in shadow mode; None if there are none."""
    unreadable: str = ""
    """A policy in force that cannot be read, by its name: nothing is allowed then."""


def compile_set(
    enforced: Mapping[str, Policy], shadow: Mapping[str, Policy], *, unreadable: str = ""
) -> PolicySet | None:
    """Compile the policies of one place, by the names that decisions will tell; None if there are none."""
    if not enforced and not shadow and not unreadable:
        return None
    return PolicySet(
        compile_policies(enforced) if enforced else None,
        compile_policies({**enforced, **shadow}) if shadow else None,
        unreadable,
    )


class Places(NamedTuple):
    """The policies of all places that decide on one key, the outermost first; prepared once for many requests."""

    sets: tuple[PolicySet, ...]
    enforced: tuple[CompiledPolicies, ...]
    tried: tuple[CompiledPolicies, ...]
    """What would decide with those in shadow mode in force; empty if there are none."""
    unreadable: str

    def judge_enforced(self, request: Request) -> Judgement | None:
        """Return what the policies in force decide; None if there are none."""
        if self.unreadable:
            return Judgement(Decision(Outcome.DENIED, self.unreadable, UNREADABLE), is_lasting=True)
        return _judge_together(self.enforced, request)

    def judge_tried(self, request: Request) -> Judgement | None:
        """Return what would be decided if those in shadow mode were in force; None if there are none."""
        return _judge_together(self.tried, request)


def join_places(*sets: PolicySet | None) -> Places:
    """Prepare the policies of several places, the outermost first."""
    there = tuple(each for each in sets if each is not None)
    has_shadow = any(each.candidate is not None for each in there)
    tried = (each.candidate or each.enforced for each in there) if has_shadow else ()
    return Places(
        there,
        tuple(each.enforced for each in there if each.enforced is not None),
        tuple(policies for policies in tried if policies is not None),
        next((each.unreadable for each in there if each.unreadable), ""),
    )


def _judge_together(places: tuple[CompiledPolicies, ...], request: Request) -> Judgement | None:
    """Return the decision that decides of those of several places, the outermost first."""
    if len(places) == 1:
        return places[0].judge(request)
    decided: Decision | None = None
    is_lasting = True
    for policies in places:
        decision, lasts = policies.judge(request)
        is_lasting = is_lasting and lasts
        if decided is None or _goes_before(decision, decided):
            decided = decision
    return None if decided is None else Judgement(decided, is_lasting)


def _goes_before(later: Decision, earlier: Decision) -> bool:
    """Tell whether the decision of an inner place decides over that of an outer one."""
    match earlier.outcome:
        case Outcome.DENIED:
            return False
        case Outcome.NOT_ALLOWED | Outcome.DELEGATED:
            return later.outcome is Outcome.DENIED
        case Outcome.ALLOWED:
            return True
