"""What a grant is: who may do what with one KMS key, under which constraints, and who may end it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

CREATE_GRANT: Final = "CreateGrant"
RETIRE_GRANT: Final = "RetireGrant"
DESCRIBE_KEY: Final = "DescribeKey"


class GrantPrincipal(NamedTuple):
    """Whom a grant names: an IAM principal by its ARN, or an AWS service."""

    name: str
    """An ARN, or a service principal such as `ec2.amazonaws.com`."""
    is_service: bool
    """Whether the request named it as a service, in the member of its own for that."""


class GrantConstraints(NamedTuple):
    """What a request must bring along. None where the grant does not ask for it; empty pairs are a constraint too."""

    context_equals: Mapping[str, str] | None = None
    """The encryption context, all of it."""
    context_subset: Mapping[str, str] | None = None
    """Pairs that the encryption context must have among others."""
    source_arn: str | None = None
    """The AWS resource on behalf of which an AWS service calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A grant as it is stored."""

    grant_id: str
    """64 hexadecimal digits."""
    key_id: str
    key_arn: str
    name: str | None
    """Given by the caller; it makes a repeated request find this grant instead of making another."""
    grantee: GrantPrincipal
    retiring: GrantPrincipal | None
    issuing_account: str
    """The ARN of the root user of the account that made it."""
    operations: tuple[str, ...]
    """Sorted, each once."""
    constraints: GrantConstraints
    created_at: float
    """Unix seconds."""

    def says_the_same_as(self, other: Grant) -> bool:
        """Tell whether a request for the one is a repeated request for the other: all but id and time are equal."""
        return _terms(self) == _terms(other)


def _terms(grant: Grant) -> tuple[object, ...]:
    return (
        grant.key_id,
        grant.name,
        grant.grantee,
        grant.retiring,
        grant.issuing_account,
        grant.operations,
        grant.constraints,
    )
