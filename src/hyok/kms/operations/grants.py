"""CreateGrant, ListGrants, ListRetirableGrants, RetireGrant, RevokeGrant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from hyok.awsjson.errors import AwsError
from hyok.awsjson.validation import null_member_error
from hyok.kms import errors
from hyok.kms.call import Call
from hyok.kms.grant_request import read_grant_request, require_possible
from hyok.kms.grant_values import Grant, GrantConstraints, GrantPrincipal
from hyok.kms.grants import Grants, check_grant_id
from hyok.kms.key_access import KeyAccess
from hyok.kms.operation import Input, Operation, Output
from hyok.kms.pages import Page, read_limit
from hyok.kms.values import KmsKey

_DEFAULT_LIMIT: Final = 50
_MOST_LISTED: Final = 100


class GrantOperations:
    """The operations on grants."""

    def __init__(self, *, grants: Grants, access: KeyAccess) -> None:
        self._grants = grants
        self._access = access

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their AWS names."""
        return {
            "CreateGrant": self.create,
            "ListGrants": self.list,
            "ListRetirableGrants": self.list_retirable,
            "RetireGrant": self.retire,
            "RevokeGrant": self.revoke,
        }

    async def create(self, call: Call, request: Input) -> Output:
        """CreateGrant: in force at once; a repeated request of the same name gets the same grant and another token."""
        name: str = request["KeyId"]
        key = self._access.look_up_by_id(call, name)
        wanted = read_grant_request(request, key, issuing_account=call.account)
        self._access.admit(call, request, key, key_name=name, grant=wanted)
        require_possible(wanted, key)
        self._access.require_state(call, key)
        if request.get("DryRun"):
            raise errors.dry_run()
        grant, token = await self._grants.create(wanted)
        return {"GrantId": grant.grant_id, "GrantToken": token}

    async def list(self, call: Call, request: Input) -> Output:
        """ListGrants: of one key; all, one, or one grantee's."""
        limit = read_limit(request, default=_DEFAULT_LIMIT, most=_MOST_LISTED)
        grantee = _read_one_of(request, "GranteePrincipal", "GranteeServicePrincipal")
        grant_id: str | None = request.get("GrantId")
        if grant_id is not None:
            check_grant_id(grant_id)
        key = self._access.find_by_id(call, request)
        self._access.require_state(call, key)
        grants, page = self._grants.page(
            key, grantee=grantee, grant_id=grant_id, limit=limit, marker=request.get("Marker")
        )
        return _listed(grants, page)

    async def list_retirable(self, call: Call, request: Input) -> Output:
        """ListRetirableGrants: those in this Region that a principal of the caller's account may retire."""
        limit = read_limit(request, default=_DEFAULT_LIMIT, most=_MOST_LISTED)
        retiring = _read_one_of(request, "RetiringPrincipal", "RetiringServicePrincipal")
        if retiring is None:
            raise null_member_error("RetiringPrincipal")
        self._access.admit_to_principal(call, request, retiring)
        grants, page = self._grants.page_of_retirable(
            retiring, region=call.region, limit=limit, marker=request.get("Marker")
        )
        return _listed(grants, page)

    async def retire(self, call: Call, request: Input) -> None:
        """RetireGrant: by token, or by key and grant id."""
        key, grant = self._find_retired(call, request)
        self._access.admit_to_retirement(call, request, key, grant)
        self._access.require_state(call, key)
        if request.get("DryRun"):
            raise errors.dry_run()
        await self._grants.delete(grant)

    async def revoke(self, call: Call, request: Input) -> None:
        """RevokeGrant."""
        key = self._access.find_by_id(call, request)
        grant = self._grants.find(key, request["GrantId"])
        self._access.require_state(call, key)
        if request.get("DryRun"):
            raise errors.dry_run()
        await self._grants.delete(grant)

    def _find_retired(self, call: Call, request: Input) -> tuple[KmsKey, Grant]:
        token: str | None = request.get("GrantToken")
        key_id: str | None = request.get("KeyId")
        grant_id: str | None = request.get("GrantId")
        if token is not None and key_id is None and grant_id is None:
            return self._grants.find_by_token(token, region=call.region)
        if token is None and key_id is not None and grant_id is not None:
            key = self._access.look_up_by_id(call, key_id)
            return key, self._find_of(call, request, key, grant_id)
        raise errors.validation("Specify either GrantToken, or both KeyId and GrantId.")

    def _find_of(self, call: Call, request: Input, key: KmsKey, grant_id: str) -> Grant:
        """Find a key's grant; that there is none is told to those who may know of the key."""
        try:
            return self._grants.find(key, grant_id)
        except AwsError:
            if key.account != call.account:
                self._access.admit(call, request, key, key_name=key.arn)
            raise


def _read_one_of(request: Input, principal_member: str, service_member: str) -> str | None:
    principal: str | None = request.get(principal_member)
    service: str | None = request.get(service_member)
    if principal is not None and service is not None:
        raise errors.validation(f"Specify either {principal_member} or {service_member}, but not both.")
    return principal if service is None else service


def _listed(grants: Sequence[Grant], page: Page) -> Output:
    return {"Grants": [_entry(grant) for grant in grants], **page.output()}


def _entry(grant: Grant) -> dict[str, object]:
    entry: dict[str, object] = {
        "KeyId": grant.key_arn,
        "GrantId": grant.grant_id,
        "CreationDate": grant.created_at,
        "IssuingAccount": grant.issuing_account,
        "Operations": list(grant.operations),
        **_principal_members("Grantee", grant.grantee),
    }
    if grant.name is not None:
        entry["Name"] = grant.name
    if grant.retiring is not None:
        entry.update(_principal_members("Retiring", grant.retiring))
    constraints = _constraint_members(grant.constraints)
    if constraints:
        entry["Constraints"] = constraints
    return entry


def _principal_members(role: str, principal: GrantPrincipal) -> dict[str, object]:
    return {f"{role}ServicePrincipal" if principal.is_service else f"{role}Principal": principal.name}


def _constraint_members(constraints: GrantConstraints) -> dict[str, object]:
    members = {
        "EncryptionContextEquals": constraints.context_equals,
        "EncryptionContextSubset": constraints.context_subset,
        "SourceArn": constraints.source_arn,
    }
    return {name: value for name, value in members.items() if value is not None}
