"""What decides on the keys of one key store, in memory: replaced as a whole whenever one of its policies changes.

A decision is remembered under all that it can depend on: what KMS says of its caller, the external key, the operation,
and the further members of the metadata that policies look at. It is not remembered where the moment or an address had
a part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from hyok.policy.compiled import Judgement
from hyok.policy.decision import Decision, Outcome
from hyok.proxy.authorization.facts import EXTRA_METADATA, Extra, Facts, Organizations, make_request, read_extra
from hyok.proxy.authorization.policy_set import PolicySet, judge_candidates, judge_enforced
from hyok.xks.messages import RequestMetadata

MAX_VERDICTS: Final = 4096
"""Remembered for one key store: about 1 KiB each."""


class Verdict(NamedTuple):
    """What was decided on one request."""

    enforced: Decision | None
    """None if no policy is in force: all is allowed."""
    candidate: Decision | None
    """What policies in shadow mode would bring about; None if there are none."""

    @property
    def is_allowed(self) -> bool:
        """Whether the request may go on."""
        return self.enforced is None or self.enforced.outcome is Outcome.ALLOWED

    @property
    def would_be_allowed(self) -> bool:
        """Whether it could if the policies in shadow mode were in force."""
        return self.is_allowed if self.candidate is None else self.candidate.outcome is Outcome.ALLOWED


class KeyStorePolicies:
    """The policies of a key store and of its external keys."""

    __slots__ = ("_extra_keys", "_key_store", "_of_keys", "_of_store", "_verdicts", "keys", "organizations")

    def __init__(
        self,
        key_store: str,
        *,
        of_store: PolicySet | None = None,
        of_keys: Mapping[str, PolicySet] | None = None,
        organizations: Organizations | None = None,
    ) -> None:
        """`of_keys` are the policies of external keys, by their ids."""
        self._key_store = key_store
        self._of_store = of_store
        self._of_keys = dict(of_keys or {})
        self.organizations: Organizations = dict(organizations or {})
        places = ([] if of_store is None else [of_store], self._of_keys.values())
        self.keys = frozenset[str]().union(*(_keys_of(place) for group in places for place in group))
        """The condition keys that they look at, in lower case."""
        self._extra_keys = tuple(sorted(key for key in self.keys if key.startswith(EXTRA_METADATA)))
        self._verdicts: dict[tuple[object, ...], Verdict] = {}

    def decide(  # the facts as they are at hand: a value to hold them would cost as much as the answer
        self,
        metadata: RequestMetadata,
        external_key_id: str,
        operation: str,
        *,
        peer: str,
        now: float,
        read_extra_metadata: Callable[[], Extra],
    ) -> Verdict | None:
        """Decide on a request; None if no policy concerns it. `operation` is the XKS proxy API's.

        `read_extra_metadata` is called only if a policy looks at what the specification does not name.
        """
        if self._of_store is None and external_key_id not in self._of_keys:
            return None
        case: tuple[object, ...] = (
            metadata.aws_principal_arn,
            metadata.kms_operation,
            metadata.kms_key_arn,
            metadata.aws_source_vpc,
            metadata.aws_source_vpce,
            metadata.kms_via_service,
            external_key_id,
            operation,
        )
        extra: Extra = {}
        if self._extra_keys:
            extra = read_extra_metadata()
            values = [read_extra(extra, key) for key in self._extra_keys]
            # The types too: 1, 1.0 and True are equal, but only one of them is written "true".
            case += (*values, *map(type, values))
        verdict = self._verdicts.get(case)
        if verdict is None:
            facts = Facts(metadata, operation, self._key_store, external_key_id, peer, now, extra, self.organizations)
            verdict, is_lasting = self._judge(facts)
            if is_lasting:
                if len(self._verdicts) >= MAX_VERDICTS:
                    self._verdicts.clear()
                self._verdicts[case] = verdict
        return verdict

    def decide_afresh(self, facts: Facts) -> Verdict:
        """Decide on a request of any key store, without memory: for whoever tries policies."""
        return self._judge(facts)[0]

    def places_of(self, external_key_id: str) -> list[PolicySet]:
        """Return the policies that decide on a key, the outermost first."""
        return [place for place in (self._of_store, self._of_keys.get(external_key_id)) if place is not None]

    def _judge(self, facts: Facts) -> tuple[Verdict, bool]:
        places = self.places_of(facts.external_key_id)
        request = make_request(facts, self.keys)
        enforced, candidate = judge_enforced(places, request), judge_candidates(places, request)
        verdict = Verdict(_decision_of(enforced), _decision_of(candidate))
        return verdict, _lasts(enforced) and _lasts(candidate)


def _keys_of(place: PolicySet) -> frozenset[str]:
    return frozenset[str]().union(
        *(policies.inputs.keys for policies in (place.enforced, place.candidate) if policies is not None)
    )


def _decision_of(judgement: Judgement | None) -> Decision | None:
    return None if judgement is None else judgement.decision


def _lasts(judgement: Judgement | None) -> bool:
    return judgement is None or judgement.is_lasting
