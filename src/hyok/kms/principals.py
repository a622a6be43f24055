"""The principals that may call, when signatures are checked: each an ARN, a credential, identity policies and tags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from hyok.errors import NotDoneError
from hyok.kms.identities import FULL_ACCESS, Identity
from hyok.policy.callers import read_caller
from hyok.policy.compiled import compile_policies
from hyok.policy.dialects import IDENTITY_POLICY
from hyok.policy.errors import PolicyError
from hyok.policy.memory import DecisionMemory
from hyok.policy.parsing import parse_policy
from hyok.sigv4.signing import SigningKeys

PRINCIPAL_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:"
    r"(iam::[0-9]{12}:(root|(user|role)/[\w+=,.@/-]+)"
    r"|sts::[0-9]{12}:(assumed-role/[\w+=,.@-]+/[\w+=,.@-]+|federated-user/[\w+=,.@-]+))"
)
"""The root user of an account, a user, a role, a session of a role, or a federated user."""


class IdentityPolicy(NamedTuple):
    """A policy attached to a principal."""

    name: str
    """Unique among the principal's."""
    document: str
    """To the letter."""


class StoredPrincipal(NamedTuple):
    """A principal as it is stored, without its secret."""

    access_key_id: str
    arn: str
    policies: tuple[IdentityPolicy, ...]
    tags: Mapping[str, str]
    created_at: float
    """Unix seconds."""


class Principal(NamedTuple):
    """A principal as the service knows it."""

    arn: str
    account: str
    """12 digits."""
    user_id: str
    """As STS names it."""
    signing_keys: SigningKeys
    identity: Identity


class Principals:
    """All principals, by access key id, in memory."""

    def __init__(self) -> None:
        self._principals: dict[bytes, Principal] = {}

    def find(self, access_key_id: bytes) -> Principal | None:
        """Find whose access key id this is."""
        return self._principals.get(access_key_id)

    def replace(self, principals: Mapping[str, Principal | None]) -> None:
        """Put each in the place of the one that has its access key id, or, for None, take that one out."""
        for access_key_id, principal in principals.items():
            if principal is None:
                self._principals.pop(access_key_id.encode(), None)
            else:
                self._principals[access_key_id.encode()] = principal


def make_principal(stored: StoredPrincipal, signing_keys: SigningKeys) -> Principal:
    """Make what the service needs of a principal. NotDoneError if one of its policies cannot be read."""
    caller = read_caller(stored.arn)
    identity = FULL_ACCESS if caller.is_root else make_identity(stored.policies, stored.tags)
    user_id = caller.account if caller.is_root else stored.access_key_id
    return Principal(stored.arn, caller.account, user_id, signing_keys, identity)


def make_identity(policies: Iterable[IdentityPolicy], tags: Mapping[str, str]) -> Identity:
    """Compile a principal's policies. NotDoneError, with policy and place, for one that cannot be read."""
    parsed = {}
    for policy in policies:
        try:
            parsed[policy.name] = parse_policy(policy.document, IDENTITY_POLICY)
        except PolicyError as error:
            raise NotDoneError(f"identity policy {policy.name!r} cannot be read: {error}") from error
    return Identity(DecisionMemory(compile_policies(parsed)), MappingProxyType(dict(tags)))
