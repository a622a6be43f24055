"""Where the three kinds of policy differ, as data; one parser and one evaluator read it.

Sources: IAM User Guide, "Grammar of the IAM JSON policy language", "Principal", "NotPrincipal"; KMS Developer Guide,
"Key policies".
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

VARIABLES_VERSION: Final = "2012-10-17"
"""The version from which on `${…}` is a policy variable; before, it is what it looks like."""

_VOLATILE_KEYS: Final = frozenset(("aws:currenttime", "aws:epochtime", "aws:sourceip"))


class Presence(Enum):
    """Whether an element must, may or must not be there."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    REFUSED = "refused"


class Dialect(NamedTuple):
    """One kind of policy."""

    title: str
    """With its article, for messages."""

    versions: tuple[str, ...]
    version: Presence
    id: Presence
    principal: Presence
    resource: Presence
    """Where it is optional, a statement without it is about every resource."""

    has_principal_wildcards: bool
    """Whether a principal may have wildcards within the fields of its ARN."""

    accounts_delegate: bool
    """Whether an account as the principal of an Allow hands the decision over to that account's identity policies, and
    is a principal of its own where principals are excepted. Else it stands for everyone in the account."""

    deny_variables_need_defaults: bool
    """Whether a variable of a Deny must have a default: without its key, the statement would deny nothing."""

    actions: tuple[str, ...]
    """The actions there are, if only these make sense: what matches none of them is refused as a typing error."""

    condition_keys: tuple[str, ...]
    """The condition keys there are, likewise; one that ends in `/` or `:` begins a family of names."""

    volatile_keys: frozenset[str]
    """Condition keys in lower case whose values are of the moment, so that no decision by them is worth remembering."""


KEY_POLICY: Final = Dialect(
    title="a key policy",
    versions=("2012-10-17", "2008-10-17"),
    version=Presence.OPTIONAL,
    id=Presence.OPTIONAL,
    principal=Presence.REQUIRED,
    resource=Presence.REQUIRED,
    has_principal_wildcards=False,
    accounts_delegate=True,
    deny_variables_need_defaults=False,
    actions=(),
    condition_keys=(),
    volatile_keys=_VOLATILE_KEYS,
)
"""What is attached to a KMS key."""

IDENTITY_POLICY: Final = KEY_POLICY._replace(
    title="an identity policy", id=Presence.REFUSED, principal=Presence.REFUSED
)
"""What is attached to a principal of the KMS service."""

PROXY_POLICY: Final = Dialect(
    title="a proxy policy",
    versions=("2012-10-17",),
    version=Presence.REQUIRED,
    id=Presence.OPTIONAL,
    principal=Presence.REQUIRED,
    resource=Presence.OPTIONAL,
    has_principal_wildcards=True,
    accounts_delegate=False,
    deny_variables_need_defaults=True,
    actions=(
        "kms:CreateKey",
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:ReEncrypt",
    ),
    condition_keys=(
        "aws:CurrentTime",
        "aws:EpochTime",
        "aws:PrincipalAccount",
        "aws:PrincipalArn",
        "aws:PrincipalOrgID",
        "aws:SourceIp",
        "aws:SourceVpc",
        "aws:SourceVpce",
        "hyok:DayOfWeek",
        "hyok:ExternalKeyId",
        "hyok:HourOfDay",
        "hyok:KeyStore",
        "hyok:RequestMetadata/",
        "hyok:XksOperation",
        "kms:ViaService",
    ),
    volatile_keys=_VOLATILE_KEYS | {"hyok:dayofweek", "hyok:hourofday"},
)
"""What the holder of the keys attaches to a key store or to an external key at the proxy."""
