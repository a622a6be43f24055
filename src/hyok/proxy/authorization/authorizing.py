"""The step of a request in which it is authorized: policies in memory, and what of their decision is recorded."""

from __future__ import annotations

from typing import Final

from hyok.audit.event import RequestRecord
from hyok.policy.decision import Decision
from hyok.proxy.authorization.facts import Extra, address_without_port
from hyok.proxy.authorization.key_store_policies import KeyStorePolicies
from hyok.transport.messages import HttpRequest
from hyok.xks.codec import extra_metadata
from hyok.xks.errors import XksError, XksErrorName
from hyok.xks.messages import RequestMetadata

SHADOW_DENIAL: Final = "shadow-denial"
"""The flag of a request that policies in shadow mode would have refused."""
SHADOW_ALLOWANCE: Final = "shadow-allowance"
"""The flag of a request that was refused and that they would have let pass."""


def authorize(
    policies: KeyStorePolicies, metadata: RequestMetadata, request: HttpRequest, record: RequestRecord, *, now: float
) -> None:
    """Return if the policies of a key store allow a request, or do not concern it. XksError ACCESS_DENIED if not.

    `now` is in Unix seconds. The caller learns no more than that; the record names policy and statement.
    """
    verdict = policies.decide(
        metadata,
        record.external_key_id,
        record.operation,
        peer=address_without_port(request.peer.address),
        now=now,
        read_extra_metadata=lambda: _extra_of(request),
    )
    if verdict is None:
        return
    if verdict.enforced is not None:
        record.decision, record.policy, record.statement = _words(verdict.enforced)
    if verdict.candidate is not None:
        record.shadow_decision, record.shadow_policy, record.shadow_statement = _words(verdict.candidate)
        if verdict.is_allowed is not verdict.would_be_allowed:
            record.flags += (SHADOW_DENIAL if verdict.is_allowed else SHADOW_ALLOWANCE,)
    if not verdict.is_allowed:
        raise refuse(record, _describe(record))


def refuse(record: RequestRecord, detail: str) -> XksError:
    """Return what a request is refused with; `detail` is for the record."""
    record.detail = detail
    return XksError(XksErrorName.ACCESS_DENIED, "secondary authorization refuses this use of the key")


def _extra_of(request: HttpRequest) -> Extra:
    return {name.lower(): member for name, member in extra_metadata(request.body).items()}


def _words(decision: Decision) -> tuple[str, str, str]:
    return decision.outcome.value, decision.policy or "", decision.statement or ""


def _describe(record: RequestRecord) -> str:
    if record.policy:
        return f"{record.decision} by {record.statement!r} of policy {record.policy}"
    return "no statement of any policy allows it"
