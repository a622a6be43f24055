"""Who may do what: key policies, the caller's identity policies and grants, weighed as AWS KMS weighs them.

1. A Deny that applies, in the key policy or in an identity policy, decides.
2. In the key's own account the key policy must allow it: the caller itself, which is enough, or the caller's account,
   which leaves it to the identity policies.
3. A caller of another account needs both: the key policy for itself or its account, and its identity policies.
4. What 2 and 3 do not allow, a grant may.

Actions on no key, such as ListKeys, are for the identity policies alone. Sources: AWS KMS Developer Guide,
"Troubleshooting key access" and "Grants in AWS KMS"; IAM User Guide, "Policy evaluation logic".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Final, NamedTuple

from hyok.awsjson.errors import AwsError
from hyok.clock import Clock
from hyok.kms import errors
from hyok.kms.call import Call
from hyok.kms.condition_keys import Use, context_of
from hyok.kms.grant_index import GrantIndex
from hyok.kms.grant_permission import is_granted, may_retire
from hyok.kms.grant_values import Grant
from hyok.kms.identities import Identity
from hyok.kms.key_policy import CompiledKeyPolicies
from hyok.kms.operation import Input
from hyok.kms.values import KmsKey
from hyok.policy.callers import account_of
from hyok.policy.decision import Outcome
from hyok.policy.memory import DecisionMemory
from hyok.policy.values import Request

ACCOUNT_OPERATIONS: Final = frozenset(
    {
        "CreateKey",
        "ListKeys",
        "ListAliases",
        "GenerateRandom",
        "CreateCustomKeyStore",
        "ConnectCustomKeyStore",
        "DisconnectCustomKeyStore",
        "DescribeCustomKeyStores",
        "UpdateCustomKeyStore",
        "DeleteCustomKeyStore",
    }
)
"""The operations whose right is asked for once, on everything in the account: no key policy has a say."""

_REMEMBERED_AT_MOST: Final = 131_072
"""Pairs of key and principal by action, where policies tell keys apart: more than the keys that an account may have, at
some 250 bytes."""
_EVERYTHING: Final = "*"
_NO_INPUT: Final[Input] = {}


class Verdict(Enum):
    """What policies say of a use; the values are how AWS tells the caller."""

    ALLOWED = ""
    DENIED_BY_KEY_POLICY = "with an explicit deny in a resource-based policy"
    DENIED_BY_IDENTITY_POLICY = "with an explicit deny in an identity-based policy"
    NOT_IN_KEY_POLICY = "because no resource-based policy allows the kms:{action} action"
    NOT_IN_IDENTITY_POLICY = "because no identity-based policy allows the kms:{action} action"


class _Weighed(NamedTuple):
    """What the policies say."""

    verdict: Verdict
    has_rights_at_home: bool
    """Whether the identity policies alone allow it."""


class _Remembered(NamedTuple):
    """What was weighed where no condition has a part in it: it holds as long as the identity is this very object."""

    identity: Identity
    weighed: _Weighed


class Authorization:
    """Decides on every call. AwsError AccessDeniedException in AWS's words where it does not allow it."""

    def __init__(self, grants: GrantIndex, *, key_aliases: Callable[[KmsKey], Sequence[str]], clock: Clock) -> None:
        self._grants = grants
        self._key_aliases = key_aliases
        self._now = clock.now
        self._policies = CompiledKeyPolicies()
        self._remembered: dict[tuple[str | None, ...], _Remembered] = {}

    def require(
        self,
        call: Call,
        request: Input,
        key: KmsKey,
        *,
        action: str,
        key_name: str,
        encryption_context: Mapping[str, str] | None = None,
        grant: Grant | None = None,
        is_same_key: bool | None = None,
        is_of_ciphertext: bool = False,
    ) -> None:
        """Return if the caller may do this with the key, which a ciphertext alone may have led to."""
        weighed = self._recall(call, key, action)
        if weighed is not None and weighed.verdict is Verdict.ALLOWED:
            return
        use = Use(
            call,
            action,
            request,
            key,
            key_aliases=self._key_aliases,
            key_name=key_name,
            encryption_context=encryption_context,
            grant=grant,
            now=self._now,
            is_same_key=is_same_key,
        )
        weighed = weighed or self._weigh(use, key)
        if not self._is_allowed(use, weighed):
            raise _refusal_of_key(call, action, key, weighed.verdict, is_of_ciphertext=is_of_ciphertext)

    def require_for_operation(self, call: Call, request: Input) -> None:
        """Return if the caller may do what the operation does to no key in particular."""
        if call.operation in ACCOUNT_OPERATIONS:
            self.require_on_account(call, request, action=call.operation)

    def require_on_account(self, call: Call, request: Input, *, action: str, resource: str = _EVERYTHING) -> None:
        """Return if the caller's identity policies allow what concerns no key: on everything, an alias, a principal."""
        if call.identity.policies is None:
            return
        use = Use(call, action, request, now=self._now)
        match _decide_by_identity(use, resource):
            case Outcome.ALLOWED | Outcome.DELEGATED:
                return
            case Outcome.DENIED:
                raise _refusal(call, action, resource, Verdict.DENIED_BY_IDENTITY_POLICY)
            case Outcome.NOT_ALLOWED:
                raise _refusal(call, action, resource, Verdict.NOT_IN_IDENTITY_POLICY)

    def require_on_principal(self, call: Call, request: Input, *, principal: str) -> None:
        """Return if the caller's identity policies allow this with a principal, which must be of its own account."""
        if account_of(principal) not in ("", call.account):
            raise _refusal(call, call.operation, principal, Verdict.NOT_IN_IDENTITY_POLICY)
        self.require_on_account(call, request, action=call.operation, resource=principal)

    def require_retirement(self, call: Call, request: Input, key: KmsKey, grant: Grant) -> None:
        """Return if the caller may retire a grant: by the grant itself, or by the policies."""
        use = Use(call, "RetireGrant", request, key, key_aliases=self._key_aliases, key_name=key.arn, now=self._now)
        weighed = self._weigh(use, key)
        is_denied = weighed.verdict in (Verdict.DENIED_BY_KEY_POLICY, Verdict.DENIED_BY_IDENTITY_POLICY)
        if is_denied or not (weighed.verdict is Verdict.ALLOWED or may_retire(grant, call.principal_arn)):
            raise _refusal_of_key(call, "RetireGrant", key, weighed.verdict)

    def require_not_locked_out(self, call: Call, key: KmsKey, policy: str) -> None:
        """Refuse a policy under which the caller could not put another one. AwsError MalformedPolicyDocument….

        AWS KMS API, PutKeyPolicy: grants do not count.
        """
        future = replace(key, policy=policy)
        use = Use(call, "PutKeyPolicy", _NO_INPUT, future, key_aliases=self._key_aliases, now=self._now)
        if self._weigh(use, future).verdict is not Verdict.ALLOWED:
            raise AwsError(
                "MalformedPolicyDocumentException",
                "The new key policy will not allow you to update the key policy in the future.",
            )

    def _is_allowed(self, use: Use, weighed: _Weighed) -> bool:
        match weighed.verdict:
            case Verdict.ALLOWED:
                return True
            case Verdict.DENIED_BY_KEY_POLICY | Verdict.DENIED_BY_IDENTITY_POLICY:
                return False
            case Verdict.NOT_IN_KEY_POLICY | Verdict.NOT_IN_IDENTITY_POLICY:
                return is_granted(self._grants, use, has_rights_at_home=weighed.has_rights_at_home)

    def _recall(self, call: Call, key: KmsKey, action: str) -> _Weighed | None:
        remembered = self._remembered.get(_place(call, key, action)) or self._remembered.get(
            (*_place(call, key, action), key.key_id)
        )
        return None if remembered is None or remembered.identity is not call.identity else remembered.weighed

    def _weigh(self, use: Use, key: KmsKey) -> _Weighed:
        call = use.call
        policies = self._policies.of(key)
        by_key = _decide(policies, use, key.arn)
        by_identity = _decide_by_identity(use, key.arn)
        verdict = _combine(by_key, by_identity, is_at_home=key.account == call.account)
        weighed = _Weighed(verdict, by_identity is Outcome.ALLOWED)
        deciding = [memory.policies.inputs for memory in (policies, call.identity.policies) if memory is not None]
        if not any(inputs.keys for inputs in deciding):
            if len(self._remembered) >= _REMEMBERED_AT_MOST:
                self._remembered.clear()
            place = _place(call, key, use.action)
            if any(inputs.tells_resources_apart for inputs in deciding):
                place = (*place, key.key_id)
            self._remembered[place] = _Remembered(call.identity, weighed)
        return weighed


def _place(call: Call, key: KmsKey, action: str) -> tuple[str | None, ...]:
    """Return where a decision is remembered for all keys of one policy: however many they are, it is close at hand."""
    return key.policy, key.account, key.region, call.principal_arn, action


def _combine(by_key: Outcome, by_identity: Outcome, *, is_at_home: bool) -> Verdict:
    if by_key is Outcome.DENIED:
        return Verdict.DENIED_BY_KEY_POLICY
    if by_identity is Outcome.DENIED:
        return Verdict.DENIED_BY_IDENTITY_POLICY
    if by_key is Outcome.NOT_ALLOWED:
        return Verdict.NOT_IN_KEY_POLICY
    if by_key is Outcome.ALLOWED and is_at_home:
        return Verdict.ALLOWED
    return Verdict.ALLOWED if by_identity is Outcome.ALLOWED else Verdict.NOT_IN_IDENTITY_POLICY


def _decide(policies: DecisionMemory, use: Use, resource: str) -> Outcome:
    context = context_of(use, policies.policies.inputs.keys)
    return policies.decide(Request(use.call.principal_arn, f"kms:{use.action}", resource, context)).outcome


def _decide_by_identity(use: Use, resource: str) -> Outcome:
    policies = use.call.identity.policies
    return Outcome.ALLOWED if policies is None else _decide(policies, use, resource)


def _refusal_of_key(
    call: Call, action: str, key: KmsKey, verdict: Verdict, *, is_of_ciphertext: bool = False
) -> AwsError:
    is_left_open = verdict in (Verdict.NOT_IN_KEY_POLICY, Verdict.DENIED_BY_KEY_POLICY)
    if key.account != call.account and is_left_open:
        return errors.out_of_reach(call.principal_arn, action, is_of_ciphertext=is_of_ciphertext)
    if is_of_ciphertext:
        return errors.not_authorized_for_ciphertext(call.principal_arn, action, verdict.value.format(action=action))
    return _refusal(call, action, key.arn, verdict)


def _refusal(call: Call, action: str, resource: str, verdict: Verdict) -> AwsError:
    return errors.not_authorized(call.principal_arn, action, resource, verdict.value.format(action=action))
