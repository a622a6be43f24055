"""One request id, the uses that the trail has of it and the events that CloudTrail has: do they tell the same?

1. A use that no event stands behind: somebody used the key and AWS knows nothing of it.
2. An event without a use: a key was used, AWS says, and the proxy was not asked.
3. A use and an event that tell of different things.

A call has one event; of a key of another account one in each account's trail, which count as one. It has one request to
the proxy; two if it is ReEncrypt between two external keys, and each of them once more if KMS waited in vain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Final, NamedTuple

from hyok.audit.reconciliation.cloudtrail import KmsEvent
from hyok.audit.reconciliation.partitions import RequestGroup
from hyok.audit.reconciliation.uses import Use
from hyok.policy.callers import read_caller

MOST_ATTEMPTS: Final = 2
"""KMS tries a request once more if it was not answered in time, and for no other reason."""

APART_SECONDS: Final = 300.0
"""What a request is signed with is no older or newer than that: SigV4 lets clocks differ by five minutes."""

XKS_OPERATIONS: Final[Mapping[str, frozenset[str]]] = {
    "Encrypt": frozenset({"Encrypt"}),
    "Decrypt": frozenset({"Decrypt"}),
    "ReEncrypt": frozenset({"Decrypt", "Encrypt"}),
    "GenerateDataKey": frozenset({"Encrypt"}),
    "GenerateDataKeyWithoutPlaintext": frozenset({"Encrypt"}),
    "CreateKey": frozenset({"GetKeyMetadata"}),
}
"""What KMS asks a proxy for, by its own operation."""


class Finding(Enum):
    """What does not fit. The values are stable."""

    UNKNOWN_USE = "unknown_use"
    """The proxy was asked to use a key, and CloudTrail does not know the request."""
    UNSEEN_EVENT = "unseen_event"
    """CloudTrail says that an external key was used, and the proxy was not asked."""
    PRINCIPAL = "principal"
    OPERATION = "operation"
    KEY = "key"
    RESULT = "result"
    """The call succeeded, and every request to the proxy failed."""
    TIME = "time"
    """Too far apart for one call: a request id that was used again."""
    ATTEMPTS = "attempts"
    """More requests than KMS makes for a call."""


class Discrepancy(NamedTuple):
    """One thing that does not fit."""

    time: float
    """Unix seconds: of the use, or of the event if there is none."""
    finding: Finding
    request_id: str
    trail: str
    """What the proxy recorded; empty if nothing."""
    cloudtrail: str
    """What CloudTrail recorded; empty if nothing."""
    use: Use | None
    event: KmsEvent | None


class Rules(NamedTuple):
    """What is judged."""

    is_judged: Callable[[float], bool]
    """Tells whether what happened at a time (Unix seconds) must have its counterpart by now."""
    is_held: Callable[[KmsEvent], bool]
    """Tells whether an event is of an external key that the trail's proxies serve."""


def judge(group: RequestGroup, rules: Rules) -> Iterator[Discrepancy]:
    """Yield what does not fit of one request."""
    events = _without_copies(group.events)
    for use in group.uses:
        if events:
            yield from _differences(use, _nearest(use, events))
        elif rules.is_judged(use.time):
            yield _discrepancy(Finding.UNKNOWN_USE, group, use=use, trail=_told(use))
    for event in events:
        yield from _missing(group, event, rules)
    yield from _surplus(group, events)


def is_matched(group: RequestGroup) -> bool:
    """Tell whether both sides know the request."""
    return bool(group.uses and group.events)


def must_have_use(event: KmsEvent, rules: Rules) -> bool:
    """Tell whether the call cannot have succeeded without the proxy; one that was refused need not have come so far."""
    return not event.error and event.name in XKS_OPERATIONS and rules.is_held(event)


def _without_copies(events: list[KmsEvent]) -> list[KmsEvent]:
    if len(events) < 2:
        return events
    kept: dict[tuple[str, str], KmsEvent] = {}
    for event in events:
        # Trails of two accounts need not share an id; the request's does, and the operation's name.
        kept.setdefault((event.name, event.principal), event)
    return list(kept.values())


def _nearest(use: Use, events: list[KmsEvent]) -> KmsEvent:
    """Return the event that a use belongs to: there is more than one only if something is wrong."""
    return next((event for event in events if event.name == use.kms_operation), events[0])


def _differences(use: Use, event: KmsEvent) -> Iterator[Discrepancy]:
    def found(finding: Finding, trail: str, cloudtrail: str) -> Discrepancy:
        return Discrepancy(use.time, finding, use.request_id, trail, cloudtrail, use, event)

    if event.principal and not _is_same_principal(use.principal, event.principal):
        yield found(Finding.PRINCIPAL, use.principal, event.principal)
    if use.kms_operation != event.name:
        yield found(Finding.OPERATION, use.kms_operation, event.name)
    elif use.xks_operation not in XKS_OPERATIONS.get(event.name, ()):
        yield found(Finding.OPERATION, f"{use.xks_operation} at the proxy", event.name)
    if use.key_arn and event.key_arns and use.key_arn not in event.key_arns:
        yield found(Finding.KEY, use.key_arn, ", ".join(event.key_arns))
    elif event.xks_key_ids and use.external_key_id not in event.xks_key_ids:
        yield found(Finding.KEY, use.external_key_id, ", ".join(event.xks_key_ids))
    if abs(use.time - event.time) > APART_SECONDS:
        yield found(Finding.TIME, _instant(use.time), _instant(event.time))


def _is_same_principal(told: str, recorded: str) -> bool:
    """Tell whether two names may be of one principal: a role's session is one of the role, but of no other session."""
    if told == recorded:
        return True
    one, other = read_caller(told), read_caller(recorded)
    return one.own in (other.own, other.role) or other.own == one.role


def _missing(group: RequestGroup, event: KmsEvent, rules: Rules) -> Iterator[Discrepancy]:
    if not must_have_use(event, rules):
        return
    wanted = XKS_OPERATIONS[event.name]
    uses = [use for use in group.uses if use.xks_operation in wanted]
    if not uses:
        if rules.is_judged(event.time):
            yield _discrepancy(Finding.UNSEEN_EVENT, group, event=event, cloudtrail=_told_by_cloudtrail(event))
    elif all(use.error for use in uses):
        yield _discrepancy(
            Finding.RESULT, group, use=uses[0], event=event, trail=uses[0].error, cloudtrail="the call succeeded"
        )


def _surplus(group: RequestGroup, events: list[KmsEvent]) -> Iterator[Discrepancy]:
    by_operation: dict[str, list[Use]] = {}
    for use in group.uses:
        by_operation.setdefault(use.xks_operation, []).append(use)
    for operation, uses in by_operation.items():
        if len(uses) > MOST_ATTEMPTS:
            last = max(uses, key=lambda use: use.time)
            yield _discrepancy(
                Finding.ATTEMPTS,
                group,
                use=last,
                event=events[0] if events else None,
                trail=f"{len(uses) + group.more_uses} requests for {operation}",
                cloudtrail=f"at most {MOST_ATTEMPTS} belong to a call",
            )


def _discrepancy(
    finding: Finding,
    group: RequestGroup,
    *,
    use: Use | None = None,
    event: KmsEvent | None = None,
    trail: str = "",
    cloudtrail: str = "",
) -> Discrepancy:
    time = use.time if use is not None else event.time if event is not None else 0.0
    return Discrepancy(time, finding, group.request_id, trail, cloudtrail, use, event)


def _told(use: Use) -> str:
    outcome = f", {use.error}" if use.error else ""
    return f"{use.xks_operation} for {use.kms_operation} with {use.external_key_id} by {use.principal}{outcome}"


def _told_by_cloudtrail(event: KmsEvent) -> str:
    keys = ", ".join(event.xks_key_ids or event.key_arns)
    return f"{event.name} with {keys} by {event.principal}"


def _instant(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
