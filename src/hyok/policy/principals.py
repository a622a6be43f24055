"""Principal and NotPrincipal, compiled: whom a statement means.

In a dialect where accounts delegate, an account named by a Deny's NotPrincipal excepts only itself, and a caller is
excepted if everything it acts as is named: its account, the role of a session, and the session or user itself (IAM User
Guide, "NotPrincipal": the account must be named too, else all of it may be denied).
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from hyok.policy.callers import Caller, without_role_path
from hyok.policy.dialects import Dialect
from hyok.policy.document import PrincipalEntry, PrincipalKind, Principals
from hyok.policy.matching import TextPattern, compile_arn, compile_text
from hyok.policy.patterns import FixedPattern, fixed, parse_pattern, split_arn

FEDERATED_PROVIDER_KEY: Final = "aws:federatedprovider"
"""The condition key, in lower case, that Federated principals are compared with."""


class Naming(Enum):
    """How a statement means a caller."""

    NOT = "not meant"
    BY_ACCOUNT = "meant by its account, which decides by identity policies"
    DIRECTLY = "meant"


class CompiledPrincipals(NamedTuple):
    """The entries by kind."""

    is_everyone: bool
    names: tuple[TextPattern, ...]
    """Of users, roles, sessions and services."""
    accounts: tuple[TextPattern, ...]
    """Of account numbers and of accounts' ARNs."""
    providers: tuple[TextPattern, ...]
    is_negated: bool
    accounts_delegate: bool


def compile_principals(principals: Principals, dialect: Dialect) -> CompiledPrincipals:
    """Compile the entries of a statement."""

    def patterns(*kinds: PrincipalKind) -> tuple[TextPattern, ...]:
        chosen = (entry for entry in principals.entries if entry.kind in kinds)
        return tuple(_compile_entry(entry, has_wildcards=dialect.has_principal_wildcards) for entry in chosen)

    return CompiledPrincipals(
        is_everyone=any(entry.kind is PrincipalKind.EVERYONE for entry in principals.entries),
        names=patterns(PrincipalKind.AWS, PrincipalKind.SERVICE),
        accounts=patterns(PrincipalKind.ACCOUNT),
        providers=patterns(PrincipalKind.FEDERATED),
        is_negated=principals.is_negated,
        accounts_delegate=dialect.accounts_delegate,
    )


def naming_of(principals: CompiledPrincipals, caller: Caller, provider: object) -> Naming:
    """Tell how the principals of one statement mean a caller; `provider` is who federated it, if anybody did."""
    by_account = _matches(principals.accounts, caller.account) or _matches(principals.accounts, caller.root)
    is_own_named = _matches(principals.names, caller.own) or (caller.is_root and by_account)
    is_role_named = bool(caller.role) and _matches(principals.names, caller.role)
    is_anyway = principals.is_everyone or (isinstance(provider, str) and _matches(principals.providers, provider))
    if principals.is_negated and principals.accounts_delegate:
        is_whole = is_own_named and (is_role_named or not caller.role) and (by_account or not caller.root)
        return Naming.NOT if is_anyway or is_whole else Naming.DIRECTLY
    is_named = is_anyway or is_own_named or is_role_named
    if principals.is_negated:
        return Naming.NOT if is_named or by_account else Naming.DIRECTLY
    if is_named or (by_account and not principals.accounts_delegate):
        return Naming.DIRECTLY
    return Naming.BY_ACCOUNT if by_account else Naming.NOT


def _matches(patterns: tuple[TextPattern, ...], text: str) -> bool:
    return any(pattern.matches(text) for pattern in patterns)


def _compile_entry(entry: PrincipalEntry, *, has_wildcards: bool) -> TextPattern:
    match entry.kind:
        case PrincipalKind.AWS | PrincipalKind.ACCOUNT if entry.text.startswith("arn:"):
            arn = parse_pattern(without_role_path(entry.text), has_wildcards=has_wildcards, has_variables=False)
            return compile_arn([fixed(field) or () for field in split_arn(arn)])
        case PrincipalKind.AWS | PrincipalKind.ACCOUNT | PrincipalKind.SERVICE | PrincipalKind.FEDERATED:
            literal: FixedPattern = (entry.text,)
            return compile_text(literal)
        case PrincipalKind.EVERYONE:
            raise ValueError("everyone is no pattern")
