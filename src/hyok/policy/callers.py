"""Who asks, and whom a statement means.

A role's session (`arn:aws:sts::A:assumed-role/R/S`) is meant by its own ARN and by its role's. A session's ARN does not
tell the path of its role, and a role's name is unique in its account, so roles are compared by their names.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_ARN_FIELDS: Final = 6
_ROLE: Final = "role/"
_SESSION: Final = "assumed-role/"
_TYPES: Final = {
    "root": "Account",
    "user": "User",
    "assumed-role": "AssumedRole",
    "federated-user": "FederatedUser",
}


class Caller(NamedTuple):
    """The names by which a statement can mean the principal of a request."""

    own: str
    """The principal as the request has it; of a role, without its path."""
    role: str
    """The ARN of the role, without its path, if this is a session; else empty."""
    account: str
    """The number of the account; empty for what has none, as a service."""
    root: str
    """The ARN of the account; empty likewise."""

    @property
    def is_root(self) -> bool:
        """Whether the caller is the account itself."""
        return bool(self.root) and self.own == self.root


def read_caller(principal: str) -> Caller:
    """Take the principal of a request apart."""
    fields = principal.split(":", 5)
    if len(fields) != _ARN_FIELDS or fields[0] != "arn":
        return Caller(principal, "", "", "")
    _, partition, service, _, account, name = fields
    iam = f"arn:{partition}:iam::{account}:"
    if service == "sts" and name.startswith(_SESSION):
        return Caller(principal, f"{iam}{_ROLE}{name.split('/', 2)[1]}", account, f"{iam}root")
    return Caller(without_role_path(principal), "", account, f"{iam}root")


def without_role_path(arn: str) -> str:
    """Return a role's ARN without the path of the role, and any other ARN as it is."""
    *start, name = arn.split(":", _ARN_FIELDS - 1)
    if not name.startswith(_ROLE):
        return arn
    return f"{':'.join(start)}:{_ROLE}{name.rpartition('/')[2]}"


def account_of(principal: str) -> str:
    """Return what `aws:PrincipalAccount` is for a principal; empty if it has none."""
    return read_caller(principal).account


def user_name_of(principal: str) -> str:
    """Return what `aws:username` is for a principal; empty unless it is an IAM user."""
    _, is_user, name = principal.partition(":user/")
    return name.rpartition("/")[2] if is_user else ""


def principal_type_of(principal: str) -> str:
    """Return what `aws:PrincipalType` is for a principal; empty if it is of none of AWS's types."""
    kind = principal.rpartition(":")[2].partition("/")[0]
    return _TYPES.get(kind, "")


def principal_arn_of(principal: str) -> str:
    """Return what `aws:PrincipalArn` is for a principal: of a session the ARN of its role, without a path."""
    caller = read_caller(principal)
    return caller.role or principal
