"""What grants allow: the operations they list, to the principal they name, where their constraints hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hyok.kms.condition_keys import Use
from hyok.kms.grant_index import GrantIndex
from hyok.kms.grant_values import CREATE_GRANT, DESCRIBE_KEY, RETIRE_GRANT, Grant, GrantConstraints
from hyok.policy.callers import Caller, read_caller, without_role_path

_WITHOUT_CONTEXT: Final = frozenset({DESCRIBE_KEY, RETIRE_GRANT})
"""Operations that have no encryption context, and whose grants need none."""


def is_granted(index: GrantIndex, use: Use, *, has_rights_at_home: bool) -> bool:
    """Tell whether a grant of the key allows what the caller is about to do.

    A grant to an account is for its root user, and for whoever else `has_rights_at_home`: whom the identity policies
    there allow it.
    """
    if use.key is None:
        return False
    key_id = use.key.key_id
    caller = read_caller(use.call.principal_arn)
    names = [caller.own, caller.role] if caller.role else [caller.own]
    if has_rights_at_home and caller.root and not caller.is_root:
        names.append(caller.root)
    return any(_allows(grant, use) for name in names for grant in index.meaning(key_id, name))


def may_retire(grant: Grant, principal_arn: str) -> bool:
    """Tell whether a principal may retire a grant by what the grant itself says, or by having issued it."""
    caller = read_caller(principal_arn)
    if grant.retiring is not None and _is_meant(caller, grant.retiring.name):
        return True
    if RETIRE_GRANT in grant.operations and _is_meant(caller, grant.grantee.name):
        return True
    return caller.own == grant.issuing_account


def _is_meant(caller: Caller, name: str) -> bool:
    return without_role_path(name) in (caller.own, caller.role)


def _allows(grant: Grant, use: Use) -> bool:
    if use.action not in grant.operations:
        return False
    constraints = grant.constraints
    if (
        constraints.source_arn is not None
        and use.action != RETIRE_GRANT
        and use.call.source_arn != constraints.source_arn
    ):
        return False
    if use.action == CREATE_GRANT:
        return use.grant is not None and _is_within(use.grant, grant)
    return use.action in _WITHOUT_CONTEXT or _holds(constraints, use.encryption_context or {})


def _holds(constraints: GrantConstraints, context: Mapping[str, str]) -> bool:
    if constraints.context_equals is not None:
        return _folded(context) == _folded(constraints.context_equals)
    if constraints.context_subset is not None:
        return _is_part(constraints.context_subset, context)
    return True


def _is_within(child: Grant, parent: Grant) -> bool:
    """Tell whether a grant made by the right of another allows no more than that one, under no weaker constraints."""
    wanted, bound = child.constraints, parent.constraints
    if not frozenset(child.operations) <= frozenset(parent.operations):
        return False
    if bound.source_arn is not None and wanted.source_arn != bound.source_arn:
        return False
    if bound.context_equals is not None:
        return wanted.context_equals is not None and _folded(wanted.context_equals) == _folded(bound.context_equals)
    if bound.context_subset is not None:
        narrowest = wanted.context_equals if wanted.context_subset is None else wanted.context_subset
        return narrowest is not None and _is_part(bound.context_subset, narrowest)
    return True


def _is_part(part: Mapping[str, str], whole: Mapping[str, str]) -> bool:
    return frozenset(_folded(part)) <= frozenset(_folded(whole))


def _folded(context: Mapping[str, str]) -> list[tuple[str, str]]:
    """In grant constraints names have no case and values have (KMS API, GrantConstraints). Sorted."""
    return sorted((name.lower(), value) for name, value in context.items())
