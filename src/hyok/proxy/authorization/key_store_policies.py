"""What decides on the keys of one key store, in memory: replaced as a whole whenever one of its policies changes.

A decision is remembered under all that it can depend on: what KMS says of its caller, the external key, the operation,
and the further members of the metadata that policies look at. It is not remembered where the moment or an address had
a part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from hyok.policy.decision import Decision, Outcome
from hyok.proxy.authorization.facts import (
    EXTRA_METADATA,
    Extra,
    Facts,
    Organizations,
    context_readers,
    make_request,
    read_extra,
)
from hyok.proxy.authorization.policy_set import PolicySet, join_places
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

    __slots__ = ("_extra_keys", "_key_store", "_of_keys", "_of_store", "_readers", "_verdicts", "keys", "organizations")

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
        self._of_store = join_places(of_store)
        self._of_keys = {key_id: join_places(of_store, each) for key_id, each in (of_keys or {}).items()}
        self.organizations: Organizations = dict(organizations or {})
        places = (self._of_store, *self._of_keys.values())
        self.keys = frozenset[str]().union(*(_keys_of(each) for place in places for each in place.sets))
        """The condition keys that they look at, in lower case."""
        self._extra_keys = tuple(sorted(key for key in self.keys if key.startswith(EXTRA_METADATA)))
        self._readers = context_readers(self.keys)
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
        if not self._of_store.sets and external_key_id not in self._of_keys:
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

    def places_of(self, external_key_id: str) -> tuple[PolicySet, ...]:
        """Return the policies that decide on a key, the outermost first."""
        return self._of_keys.get(external_key_id, self._of_store).sets

    def _judge(self, facts: Facts) -> tuple[Verdict, bool]:
        places = self._of_keys.get(facts.external_key_id, self._of_store)
        request = make_request(facts, {key: read(facts) for key, read in self._readers})
        enforced, tried = places.judge_enforced(request), places.judge_tried(request)
        verdict = Verdict(enforced and enforced.decision, tried and tried.decision)
        return verdict, (enforced is None or enforced.is_lasting) and (tried is None or tried.is_lasting)


def _keys_of(place: PolicySet) -> frozenset[str]:
    return frozenset[str]().union(
        *(policies.inputs.keys for policies in (place.enforced, place.candidate) if policies is not None)
    )
