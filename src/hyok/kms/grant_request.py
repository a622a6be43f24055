"""What a CreateGrant request asks for, once it is known to make sense."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from hyok.awsjson.errors import AwsError
from hyok.kms import errors
from hyok.kms.grant_values import CREATE_GRANT, Grant, GrantConstraints, GrantPrincipal
from hyok.kms.key_names import root_arn
from hyok.kms.operation import Input
from hyok.kms.principals import PRINCIPAL_ARN
from hyok.kms.values import KmsKey, Origin

MAX_CONTEXT_PAIRS: Final = 8
MAX_CONTEXT_VALUE_CHARACTERS: Final = 384

_DATA_KEY_PAIR_OPERATIONS: Final = frozenset({"GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"})
_OPERATIONS: Final = frozenset(
    {
        "Decrypt",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "ReEncryptFrom",
        "ReEncryptTo",
        CREATE_GRANT,
        "RetireGrant",
        "DescribeKey",
        *_DATA_KEY_PAIR_OPERATIONS,
    }
)
"""What a grant for a symmetric key can allow; the service model has those for other kinds of keys too."""

_SERVICE: Final = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


def read_grant_request(request: Input, key: KmsKey, *, issuing_account: str) -> Grant:
    """Return the grant that a request asks for, without id and time yet. AwsError if it makes no sense by itself."""
    return Grant(
        grant_id="",
        key_id=key.key_id,
        key_arn=key.arn,
        name=request.get("Name"),
        grantee=_read_grantee(request),
        retiring=_read_principal(request, "Retiring"),
        issuing_account=root_arn(issuing_account, key.region),
        operations=_read_operations(request["Operations"]),
        constraints=_read_constraints(request.get("Constraints") or {}),
        created_at=0.0,
    )


def require_possible(grant: Grant, key: KmsKey) -> None:
    """Refuse a grant for what the key cannot do. ValidationException: asked once the caller may know of the key."""
    possible = _OPERATIONS if key.origin is Origin.AWS_KMS else _OPERATIONS - _DATA_KEY_PAIR_OPERATIONS
    impossible = sorted(frozenset(grant.operations) - possible)
    if impossible:
        raise errors.validation(
            f"{key.arn} is a symmetric encryption key with origin {key.origin.value}, for which a grant cannot allow "
            f"{', '.join(impossible)}."
        )


def _read_grantee(request: Input) -> GrantPrincipal:
    grantee = _read_principal(request, "Grantee")
    if grantee is None:
        raise errors.validation("Specify either GranteePrincipal or GranteeServicePrincipal.")
    if grantee.is_service:
        if not (request.get("Constraints") or {}).get("SourceArn"):
            raise errors.validation("A grant with GranteeServicePrincipal needs the grant constraint SourceArn.")
        if request.get("RetiringPrincipal") is None and request.get("RetiringServicePrincipal") is None:
            raise errors.validation(
                "A grant with GranteeServicePrincipal needs either RetiringPrincipal or RetiringServicePrincipal."
            )
    return grantee


def _read_principal(request: Input, role: str) -> GrantPrincipal | None:
    principal: str | None = request.get(f"{role}Principal")
    service: str | None = request.get(f"{role}ServicePrincipal")
    if principal is not None and service is not None:
        raise errors.validation(f"Specify either {role}Principal or {role}ServicePrincipal, but not both.")
    if service is not None:
        return GrantPrincipal(service, is_service=True)
    if principal is None:
        return None
    if not (PRINCIPAL_ARN.fullmatch(principal) or _SERVICE.fullmatch(principal)):
        raise AwsError("InvalidArnException", f"ARN does not refer to a valid principal: {principal}")
    return GrantPrincipal(principal, is_service=False)


def _read_operations(operations: list[str]) -> tuple[str, ...]:
    wanted = frozenset(operations)
    if not wanted:
        raise errors.validation("A grant allows one operation or more; Operations is empty.")
    if wanted == {CREATE_GRANT}:
        raise errors.validation("Grants must not contain only the CreateGrant operation.")
    return tuple(sorted(wanted))


def _read_constraints(constraints: Mapping[str, object]) -> GrantConstraints:
    equals = _read_context(constraints.get("EncryptionContextEquals"))
    subset = _read_context(constraints.get("EncryptionContextSubset"))
    if equals and subset:
        raise errors.validation("More than one constraint supplied")
    if equals is not None and subset is not None:
        # Terraform's provider sends the one that was not asked for along, empty.
        equals, subset = (None, subset) if subset else (equals, None)
    source_arn = constraints.get("SourceArn")
    return GrantConstraints(equals, subset, source_arn if isinstance(source_arn, str) else None)


def _read_context(context: object) -> Mapping[str, str] | None:
    if not isinstance(context, dict):
        return None
    pairs: dict[str, str] = context
    if len(pairs) > MAX_CONTEXT_PAIRS:
        raise errors.validation(
            f"A grant constraint takes at most {MAX_CONTEXT_PAIRS} encryption context pairs, not {len(pairs)}."
        )
    longest = max(map(len, pairs.values()), default=0)
    if longest > MAX_CONTEXT_VALUE_CHARACTERS:
        raise errors.validation(
            f"An encryption context value in a grant constraint has at most {MAX_CONTEXT_VALUE_CHARACTERS} characters, "
            f"not {longest}."
        )
    return pairs
