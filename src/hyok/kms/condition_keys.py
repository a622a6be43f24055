"""The condition keys that policies of this KMS can ask for, and where in a request each comes from.

Only those that some policy asks for are ever looked up. Sources: AWS KMS Developer Guide, "Condition keys for AWS KMS";
IAM User Guide, "AWS global condition context keys". A key that is not here, or does not apply, is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from hyok.kms.call import Call
from hyok.kms.grant_values import CREATE_GRANT, Grant
from hyok.kms.key_names import ALIAS_PREFIX
from hyok.kms.operation import Input
from hyok.kms.values import KmsKey
from hyok.policy.callers import account_of, principal_arn_of, principal_type_of, user_name_of
from hyok.policy.values import Context, Value

_ABSENT: Final = ()
_SYMMETRIC: Final = "SYMMETRIC_DEFAULT"


class Use(NamedTuple):
    """One action of a call, on one key or on none: what its policies are asked about."""

    call: Call
    action: str
    """Without its prefix `kms:`."""
    request: Input
    key: KmsKey | None = None
    """None for actions on the account."""
    key_aliases: Callable[[KmsKey], Sequence[str]] = lambda _: ()
    """Tells the names of a key's aliases."""
    key_name: str = ""
    """How the request names the key."""
    encryption_context: Mapping[str, str] | None = None
    grant: Grant | None = None
    """The grant that CreateGrant is to make."""
    now: Callable[[], float] = lambda: 0.0
    """Tells the time as Unix seconds."""
    is_same_key: bool | None = None
    """Whether ReEncrypt has one key for both sides; None for other actions."""


def context_of(use: Use, names: Iterable[str]) -> Context:
    """Return the condition keys of these names, in lower case, that the use has."""
    context: dict[str, Value] = {}
    for name in names:
        value = _value_of(use, name)
        if value != _ABSENT:
            context[name] = value
    return context


def _value_of(use: Use, name: str) -> Value:
    read = _KEYS.get(name)
    if read is not None:
        return read(use)
    for prefix, read_member in _FAMILIES.items():
        if name.startswith(prefix):
            return read_member(use, name.removeprefix(prefix))
    return _ABSENT


# The request.


def _member(name: str) -> Callable[[Use], Value]:
    def read(use: Use) -> Value:
        value = use.request.get(name)
        return value if isinstance(value, str | int) else _ABSENT

    return read


def _bypasses_lockout_check(use: Use) -> Value:
    if use.action not in ("CreateKey", "PutKeyPolicy"):
        return _ABSENT
    return bool(use.request.get("BypassPolicyLockoutSafetyCheck"))


def _policy_name(use: Use) -> Value:
    if use.action not in ("PutKeyPolicy", "GetKeyPolicy"):
        return _ABSENT
    name = use.request.get("PolicyName", "default")
    return name if isinstance(name, str) else _ABSENT


def _encryption_algorithm(use: Use) -> Value:
    if use.action not in ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo"):
        return _ABSENT
    member = {"ReEncryptFrom": "SourceEncryptionAlgorithm", "ReEncryptTo": "DestinationEncryptionAlgorithm"}.get(
        use.action, "EncryptionAlgorithm"
    )
    algorithm = use.request.get(member, _SYMMETRIC)
    return algorithm if isinstance(algorithm, str) else _ABSENT


def _request_alias(use: Use) -> Value:
    name = use.key_name
    if name.startswith(ALIAS_PREFIX):
        return name
    _, is_alias_arn, alias = name.partition(f":{ALIAS_PREFIX}")
    return f"{ALIAS_PREFIX}{alias}" if is_alias_arn else _ABSENT


def _is_same_key(use: Use) -> Value:
    return _ABSENT if use.is_same_key is None else use.is_same_key


def _request_tags(use: Use) -> dict[str, str]:
    tags: list[dict[str, str]] = use.request.get("Tags") or []
    return {tag["TagKey"]: tag["TagValue"] for tag in tags}


def _tag_keys(use: Use) -> Value:
    removed: list[str] = use.request.get("TagKeys") or []
    return (*_request_tags(use), *removed)


# The encryption context, which CreateGrant has in its constraints.


def _encryption_context(use: Use) -> Mapping[str, str]:
    if use.grant is not None:
        return use.grant.constraints.context_equals or use.grant.constraints.context_subset or {}
    return use.encryption_context or {}


def _context_value(use: Use, name: str) -> Value:
    """Names of condition keys have no case; pairs that differ in it alone are all of them the value."""
    values = tuple(value for key, value in _encryption_context(use).items() if key.lower() == name)
    return values[0] if len(values) == 1 else values


# Grants.


def _grant_operations(use: Use) -> Value:
    return _ABSENT if use.grant is None else use.grant.operations


def _grant_constraint_type(use: Use) -> Value:
    if use.grant is None:
        return _ABSENT
    constraints = use.grant.constraints
    if constraints.context_equals is not None:
        return "EncryptionContextEquals"
    return _ABSENT if constraints.context_subset is None else "EncryptionContextSubset"


def _grantee(use: Use) -> Value:
    return _ABSENT if use.grant is None else use.grant.grantee.name


def _retiring(use: Use) -> Value:
    return _ABSENT if use.grant is None or use.grant.retiring is None else use.grant.retiring.name


def _is_for_aws_resource(use: Use) -> Value:
    if use.action not in (CREATE_GRANT, "ListGrants", "RevokeGrant"):
        return _ABSENT
    return bool(use.call.via_service)


# The key.


def _of_key_or_request(of_key: Callable[[KmsKey], Value], member: str, default: str) -> Callable[[Use], Value]:
    def read(use: Use) -> Value:
        if use.key is not None:
            return of_key(use.key)
        value = use.request.get(member, default)
        return value if use.action == "CreateKey" and isinstance(value, str) else _ABSENT

    return read


_key_origin = _of_key_or_request(lambda key: key.origin.value, "Origin", "AWS_KMS")
_key_spec = _of_key_or_request(lambda _: _SYMMETRIC, "KeySpec", _SYMMETRIC)
_key_usage = _of_key_or_request(lambda _: "ENCRYPT_DECRYPT", "KeyUsage", "ENCRYPT_DECRYPT")


def _is_multi_region(use: Use) -> Value:
    if use.key is not None:
        return False
    return bool(use.request.get("MultiRegion")) if use.action == "CreateKey" else _ABSENT


def _resource_aliases(use: Use) -> Value:
    return _ABSENT if use.key is None else tuple(use.key_aliases(use.key))


def _resource_tags(use: Use) -> Mapping[str, str]:
    return {} if use.key is None else dict(use.key.tags)


# The caller.


def _is_via_aws_service(use: Use) -> Value:
    return bool(use.call.via_service)


def _text(read: Callable[[Use], str]) -> Callable[[Use], Value]:
    """An empty text is an absent value."""
    return lambda use: read(use) or _ABSENT


def _tag(read: Callable[[Use], Mapping[str, str]]) -> Callable[[Use, str], Value]:
    """Names of condition keys have no case, those of tags have."""

    def read_tag(use: Use, name: str) -> Value:
        return next((value for key, value in read(use).items() if key.lower() == name), _ABSENT)

    return read_tag


_KEYS: Final[Mapping[str, Callable[[Use], Value]]] = {
    "kms:bypasspolicylockoutsafetycheck": _bypasses_lockout_check,
    "kms:calleraccount": _text(lambda use: use.call.account),
    "kms:customermasterkeyspec": _key_spec,
    "kms:customermasterkeyusage": _key_usage,
    "kms:datakeypairspec": _member("KeyPairSpec"),
    "kms:encryptionalgorithm": _encryption_algorithm,
    "kms:encryptioncontextkeys": lambda use: tuple(_encryption_context(use)),
    "kms:expirationmodel": _member("ExpirationModel"),
    "kms:grantconstrainttype": _grant_constraint_type,
    "kms:grantisforawsresource": _is_for_aws_resource,
    "kms:grantoperations": _grant_operations,
    "kms:granteeprincipal": _grantee,
    "kms:keyagreementalgorithm": _member("KeyAgreementAlgorithm"),
    "kms:keyorigin": _key_origin,
    "kms:keyspec": _key_spec,
    "kms:keyusage": _key_usage,
    "kms:macalgorithm": _member("MacAlgorithm"),
    "kms:messagetype": _member("MessageType"),
    "kms:multiregion": _is_multi_region,
    "kms:policyname": _policy_name,
    "kms:primaryregion": _member("PrimaryRegion"),
    "kms:reencryptonsamekey": _is_same_key,
    "kms:replicaregion": _member("ReplicaRegion"),
    "kms:requestalias": _request_alias,
    "kms:resourcealiases": _resource_aliases,
    "kms:retiringprincipal": _retiring,
    "kms:rotationperiodindays": _member("RotationPeriodInDays"),
    "kms:schedulekeydeletionpendingwindowindays": _member("PendingWindowInDays"),
    "kms:signingalgorithm": _member("SigningAlgorithm"),
    "kms:viaservice": _text(lambda use: use.call.via_service),
    "kms:wrappingalgorithm": _member("WrappingAlgorithm"),
    "kms:wrappingkeyspec": _member("WrappingKeySpec"),
    "aws:currenttime": lambda use: use.now(),
    "aws:epochtime": lambda use: use.now(),
    "aws:principalaccount": _text(lambda use: account_of(use.call.principal_arn)),
    "aws:principalarn": _text(lambda use: principal_arn_of(use.call.principal_arn)),
    "aws:principaltype": _text(lambda use: principal_type_of(use.call.principal_arn)),
    "aws:requestedregion": _text(lambda use: use.call.region),
    "aws:resourceaccount": _text(lambda use: use.call.account if use.key is None else use.key.account),
    "aws:sourcearn": _text(lambda use: use.call.source_arn),
    "aws:sourceip": _text(lambda use: use.call.source_address.rpartition(":")[0].strip("[]")),
    "aws:sourcevpc": _text(lambda use: use.call.source_vpc),
    "aws:sourcevpce": _text(lambda use: use.call.source_vpce),
    "aws:tagkeys": _tag_keys,
    "aws:username": _text(lambda use: user_name_of(use.call.principal_arn)),
    "aws:viaawsservice": _is_via_aws_service,
}

_FAMILIES: Final[Mapping[str, Callable[[Use, str], Value]]] = {
    "kms:encryptioncontext:": _context_value,
    "aws:principaltag/": _tag(lambda use: use.call.identity.tags),
    "aws:requesttag/": _tag(_request_tags),
    "aws:resourcetag/": _tag(_resource_tags),
}
