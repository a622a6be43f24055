"""What is withdrawn, in memory: looked at by each request, and nothing but a comparison with None if there is nothing.

Key stores and keys are refused as InvalidStateException, principals and accounts as AccessDeniedException, which
GetHealthStatus is exempt from (XKS API, Errors).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from hyok.custody.rulings import Freeze, ScopeKind
from hyok.policy.callers import account_of, read_caller, without_role_path
from hyok.xks.errors import XksError, XksErrorName
from hyok.xks.messages import RequestMetadata

_CALLERS_REMEMBERED: Final = 4096


class Frozen:
    """All that is frozen at one moment; never changed, but replaced."""

    __slots__ = ("_accounts", "_callers", "_everything", "_external_keys", "_key_stores", "_principals")

    def __init__(self, freezes: Iterable[Freeze], *, everything: str = "") -> None:
        """`everything` says why everything is refused, besides what the freezes withdraw."""
        by_kind: dict[ScopeKind, dict[str, str]] = {kind: {} for kind in ScopeKind}
        for freeze in freezes:
            # For AWS, too, so without names.
            what = (
                freeze.scope.kind.value
                if freeze.scope.kind is ScopeKind.EVERYTHING
                else f"the {freeze.scope.kind.value}"
            )
            why = f"{what} is frozen (administrative record {freeze.record.sequence})"
            by_kind[freeze.scope.kind][freeze.scope.name] = why
        self._everything = everything or by_kind[ScopeKind.EVERYTHING].get("", "")
        self._key_stores = by_kind[ScopeKind.KEY_STORE]
        self._external_keys = by_kind[ScopeKind.EXTERNAL_KEY]
        self._principals = {without_role_path(arn): why for arn, why in by_kind[ScopeKind.PRINCIPAL].items()}
        self._accounts = by_kind[ScopeKind.ACCOUNT]
        self._callers: dict[tuple[str, str], str] = {}

    def refuse(self, key_store: str, key_id: str, metadata: RequestMetadata) -> None:
        """Return if the request concerns nothing that is frozen. XksError INVALID_STATE or ACCESS_DENIED.

        `key_id` is empty for GetHealthStatus.
        """
        why = self._everything or self._key_stores.get(key_store)
        if not why and key_id and self._external_keys:
            why = self._external_keys.get(f"{key_store}/{key_id}")
        if why:
            raise XksError(XksErrorName.INVALID_STATE, why)
        if key_id and (self._principals or self._accounts):
            self._refuse_caller(metadata)

    def _refuse_caller(self, metadata: RequestMetadata) -> None:
        case = metadata.aws_principal_arn, metadata.kms_key_arn
        why = self._callers.get(case)
        if why is None:
            if len(self._callers) >= _CALLERS_REMEMBERED:
                self._callers.clear()
            why = self._callers[case] = self._why_caller(*case)
        if why:
            raise XksError(XksErrorName.ACCESS_DENIED, why)

    def _why_caller(self, principal_arn: str, kms_key_arn: str) -> str:
        caller = read_caller(principal_arn)
        return (
            _of(self._principals, caller.own)
            or _of(self._principals, caller.role)
            or _of(self._accounts, caller.account)
            # A service that acts for an account shows no principal of it, but uses its KMS keys.
            or _of(self._accounts, account_of(kms_key_arn))
        )


def _of(frozen: Mapping[str, str], name: str) -> str:
    return frozen.get(name, "") if name else ""


class Freezes:
    """What is frozen now."""

    __slots__ = ("current",)

    def __init__(self, current: Frozen | None = None) -> None:
        self.current = current
        """None if nothing is."""
