"""Who may call the KMS service: principals with a credential, identity policies and tags."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from hyok.clock import Clock
from hyok.custody.safe import Safe
from hyok.errors import NotDoneError
from hyok.kms.key_names import partition_of
from hyok.kms.principal_repository import delete_principal as delete_row
from hyok.kms.principal_repository import insert_principal, read_principals
from hyok.kms.principals import PRINCIPAL_ARN, IdentityPolicy, StoredPrincipal, make_identity
from hyok.policy.callers import read_caller
from hyok.secret import Secret
from hyok.storage.engine import Storage

FULL_ACCESS: Final = IdentityPolicy(
    "full-access",
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]}',
)
"""Lets a principal do everything that key policies leave to its account."""

_ID_PREFIX: Final = "HYOK"
_ID_BYTES: Final = 10  # 16 characters of Base32
_SECRET_BYTES: Final = 30  # 40 characters of Base64, as AWS's have


class PrincipalCredential(NamedTuple):
    """What a principal signs with."""

    access_key_id: str
    secret_access_key: Secret


class NewPrincipal(NamedTuple):
    """A principal just made, and its credential, whose secret is not shown again."""

    principal: StoredPrincipal
    credential: PrincipalCredential


def principal_arn(name: str, *, account: str, region: str) -> str:
    """Return the ARN that a name stands for: `root`, a user's name, or an ARN itself. NotDoneError if it is none."""
    if name.startswith("arn:"):
        arn = name
    else:
        resource = "root" if name == "root" else f"user/{name}"
        arn = f"arn:{partition_of(region)}:iam::{account}:{resource}"
    if not PRINCIPAL_ARN.fullmatch(arn):
        raise NotDoneError(
            f"{name!r} names no principal; give the name of a user (A-Z a-z 0-9 _ + = , . @ - /), root, or the ARN of "
            "a user, role, session or root user"
        )
    return arn


def create_principal(
    storage: Storage,
    safe: Safe,
    clock: Clock,
    *,
    arn: str,
    policies: Sequence[IdentityPolicy] = (),
    tags: Mapping[str, str],
) -> NewPrincipal:
    """Make a principal and its credential. NotDoneError if the ARN is taken, or a policy cannot be read."""
    if read_caller(arn).is_root and policies:
        raise NotDoneError(f"{arn} is a root user, which has all rights in its account: policies do not bind it")
    _check_names(policies)
    make_identity(policies, tags)
    credential = _generate()
    principal = StoredPrincipal(credential.access_key_id, arn, tuple(policies), tags, clock.now())
    with storage.transaction() as connection:
        if any(present.arn == arn for present in read_principals(connection)):
            raise NotDoneError(f"principal {arn} exists already; delete it first to give it another credential")
        insert_principal(connection, safe, principal, credential.secret_access_key)
    return NewPrincipal(principal, credential)


def list_principals(storage: Storage) -> tuple[StoredPrincipal, ...]:
    """Return all principals by ARN, never a secret."""
    with storage.reading() as connection:
        return read_principals(connection)


def get_principal(storage: Storage, arn: str) -> StoredPrincipal:
    """Return a principal. NotDoneError if there is none of that ARN."""
    for principal in list_principals(storage):
        if principal.arn == arn:
            return principal
    raise NotDoneError(f"there is no principal {arn}; `hyok principal list` shows those there are")


def delete_principal(storage: Storage, clock: Clock, arn: str) -> None:
    """Delete a principal: what it signs is refused within a second. NotDoneError if there is none of that ARN."""
    principal = get_principal(storage, arn)
    with storage.transaction() as connection:
        delete_row(connection, principal, at=clock.now())


def _check_names(policies: Sequence[IdentityPolicy]) -> None:
    names = [policy.name for policy in policies]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise NotDoneError(f"two identity policies are named {twice[0]!r}; each needs a name of its own")


def _generate() -> PrincipalCredential:
    access_key_id = _ID_PREFIX + base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode("ascii")
    return PrincipalCredential(access_key_id, Secret(base64.b64encode(secrets.token_bytes(_SECRET_BYTES))))
