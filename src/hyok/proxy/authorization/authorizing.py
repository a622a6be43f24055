"""The step of a request in which it is authorized, and what of it is recorded.

What is decided in memory (policies, a binding that is known) costs no wait. What has to wait (the first use of a key
that is to be bound, an authorizer outside) is done within the request's deadline, before the key manager is asked.
Each must allow the request; one that cannot answer refuses it.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Final

from hyok.audit.event import RequestRecord
from hyok.policy.decision import Decision, Outcome
from hyok.proxy.authorization.authorizer import AUTHORIZER, Authorizer, AuthorizerError, Question
from hyok.proxy.authorization.decrypt_watch import DecryptWatch
from hyok.proxy.authorization.facts import Extra, address_without_port
from hyok.proxy.authorization.first_use import FIRST_USE, Binding, FirstUseBindings
from hyok.proxy.authorization.key_store_policies import KeyStorePolicies
from hyok.proxy.keystores import ExternalKey, KeyStore
from hyok.transport.messages import HttpRequest
from hyok.xks.codec import extra_metadata, raw_metadata
from hyok.xks.errors import XksError, XksErrorName
from hyok.xks.messages import RequestMetadata
from hyok.xks.operations import XksOperation

DECRYPT_WATCH: Final = "decrypt-watch"
"""What records call the policy that decides where decryptions are watched."""
_DECRYPT: Final = XksOperation.DECRYPT.value
SHADOW_DENIAL: Final = "shadow-denial"
"""The flag of a request that policies in shadow mode would have refused."""
SHADOW_ALLOWANCE: Final = "shadow-allowance"
"""The flag of a request that was refused and that they would have let pass."""


class Authorization:
    """Decides on each use of a key."""

    __slots__ = ("_authorizer", "_bindings", "_watch")

    def __init__(
        self,
        *,
        bindings: FirstUseBindings | None = None,
        authorizer: Authorizer | None = None,
        watch: DecryptWatch | None = None,
    ) -> None:
        """Without `bindings`, a key that is to be bound at its first use is refused until it is."""
        self._bindings = bindings
        self._authorizer = authorizer
        self._watch = watch

    def decide(
        self,
        request: HttpRequest,
        metadata: RequestMetadata,
        record: RequestRecord,
        key_store: KeyStore,
        key: ExternalKey,
        now: float,
    ) -> Coroutine[object, None, None] | None:
        """Return if the request is allowed, with what is still to be waited for. XksError ACCESS_DENIED if it is not.

        `now` is in Unix seconds. The caller learns no more than that; the record names policy and statement.
        """
        if key_store.policies is not None:
            _authorize(key_store.policies, request, metadata, record, now=now)
        unbound = None
        if key.binding is not None and metadata.kms_key_arn:  # none at a KMS key's creation, which uses nothing yet
            if key.binding.kms_key_arn:
                _check_binding(key.binding.kms_key_arn, metadata, record)
            else:
                unbound = key.binding
        if self._watch is not None and record.operation == _DECRYPT:
            _look(self._watch, metadata, record, now=now)
        if unbound is None and self._authorizer is None:
            return None
        return self._wait(request, metadata, record, unbound=unbound, now=now)

    async def aclose(self) -> None:
        """Let go of connections."""
        if self._authorizer is not None:
            await self._authorizer.aclose()

    async def _wait(
        self,
        request: HttpRequest,
        metadata: RequestMetadata,
        record: RequestRecord,
        *,
        unbound: Binding | None,
        now: float,
    ) -> None:
        """Ask the authorizer, then bind: a use that is refused binds nothing."""
        if self._authorizer is not None:
            await _ask(self._authorizer, request, metadata, record, now=now)
        if unbound is not None:
            await self._bind(unbound, metadata, record)

    async def _bind(self, binding: Binding, metadata: RequestMetadata, record: RequestRecord) -> None:
        if self._bindings is None:
            raise XksError(XksErrorName.INTERNAL, "nothing binds keys at their first use here")
        bound = await self._bindings.bind(record.key_store, record.external_key_id, metadata.kms_key_arn)
        if bound:
            binding.kms_key_arn = bound
            _check_binding(bound, metadata, record)
            record.flags += (FIRST_USE,)


def _authorize(
    policies: KeyStorePolicies, request: HttpRequest, metadata: RequestMetadata, record: RequestRecord, *, now: float
) -> None:
    verdict = policies.decide(
        metadata,
        record.external_key_id,
        record.operation,
        peer=address_without_port(request.peer.address),
        now=now,
        read_extra_metadata=lambda: _extra_of(request, record),
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
        raise _refuse(record, _describe(record))


def _check_binding(bound: str, metadata: RequestMetadata, record: RequestRecord) -> None:
    if bound != metadata.kms_key_arn:
        record.decision, record.policy, record.statement = Outcome.DENIED.value, FIRST_USE, bound
        raise _refuse(record, f"the external key is bound to {bound}, which used it first")


def _look(watch: DecryptWatch, metadata: RequestMetadata, record: RequestRecord, *, now: float) -> None:
    findings = watch.note(record.key_store, record.external_key_id, metadata.aws_principal_arn, now)
    if findings.flags:
        record.flags += findings.flags
    if findings.blocked_by:
        record.decision, record.policy, record.statement = Outcome.DENIED.value, DECRYPT_WATCH, findings.blocked_by
        raise _refuse(record, f"refused by the watch over decryptions: {findings.blocked_by}")


async def _ask(
    authorizer: Authorizer, request: HttpRequest, metadata: RequestMetadata, record: RequestRecord, *, now: float
) -> None:
    question = Question(
        principal=metadata.aws_principal_arn,
        action=f"kms:{metadata.kms_operation}",
        resource=metadata.kms_key_arn,
        key_store=record.key_store,
        external_key_id=record.external_key_id,
        xks_operation=record.operation,
        address=address_without_port(request.peer.address),
        time=now,
        request_metadata=raw_metadata(request.body),
    )
    try:
        answer = await authorizer.ask(question)
    except AuthorizerError as error:
        record.detail = str(error)
        raise XksError(XksErrorName.INTERNAL, "secondary authorization cannot be asked") from error
    if not answer.is_allowed:
        record.decision, record.policy, record.statement = Outcome.DENIED.value, AUTHORIZER, answer.reason
        raise _refuse(record, f"the authorizer refuses it: {answer.reason or 'no reason given'}")
    if not record.decision:
        record.decision, record.policy, record.statement = Outcome.ALLOWED.value, AUTHORIZER, answer.reason


def _refuse(record: RequestRecord, detail: str) -> XksError:
    record.detail = detail
    return XksError(XksErrorName.ACCESS_DENIED, "secondary authorization refuses this use of the key")


def _extra_of(request: HttpRequest, record: RequestRecord) -> Extra:
    record.extra_metadata = found = extra_metadata(request.body)
    return {name.lower(): member for name, member in found.items()}


def _words(decision: Decision) -> tuple[str, str, str]:
    return decision.outcome.value, decision.policy or "", decision.statement or ""


def _describe(record: RequestRecord) -> str:
    if record.policy:
        return f"{record.decision} by {record.statement!r} of policy {record.policy}"
    return "no statement of any policy allows it"
