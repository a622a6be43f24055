"""The four ways to name a KMS key, and the exact refusals of a name that leads nowhere."""

from __future__ import annotations

import re
from typing import Final

from hyok.awsjson.errors import AwsError
from hyok.kms import errors
from hyok.kms.call import Call

ALIAS_PREFIX: Final = "alias/"

_KEY_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32}")
_ARN: Final = re.compile(r"arn:[a-z-]+:kms:([a-z0-9-]+):([0-9]{12}):(.+)", re.DOTALL)


def key_arn(account: str, region: str, key_id: str) -> str:
    """Return the ARN of a key."""
    return f"{_arn_prefix(account, region)}key/{key_id}"


def alias_arn(account: str, region: str, name: str) -> str:
    """Return the ARN of an alias; `name` begins with `alias/`."""
    return f"{_arn_prefix(account, region)}{name}"


def is_alias(text: str) -> bool:
    """Return whether a key's name is the name or the ARN of an alias."""
    arn = _ARN.fullmatch(text)
    return (text if arn is None else arn.group(3)).startswith(ALIAS_PREFIX)


def root_arn(account: str, region: str) -> str:
    """Return the ARN of an account's root user, which stands for the account, in a Region's partition."""
    return f"arn:{partition_of(region)}:iam::{account}:root"


def partition_of(region: str) -> str:
    """Return the AWS partition a Region belongs to, the second part of an ARN."""
    for prefix, partition in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"), ("eusc-", "aws-eusc")):
        if region.startswith(prefix):
            return partition
    return "aws"


def refuse_name(call: Call, text: str, *, allow_alias: bool) -> AwsError:
    """Return what AWS answers for a key name that no key of the caller's account and Region has.

    With `allow_alias` aliases are meant to work here, so that one is not found rather than malformed.
    """
    arn = _ARN.fullmatch(text)
    if arn is None:
        return _refuse_local_name(call, text, text, allow_alias=allow_alias)
    region, account, resource = arn.groups()
    if region != call.region:
        return errors.invalid_arn(region)
    if account != call.account:
        return errors.out_of_reach(call.principal_arn, call.operation, is_of_ciphertext=False)
    return _refuse_local_name(call, resource.removeprefix("key/"), text, allow_alias=allow_alias)


def _refuse_local_name(call: Call, name: str, text: str, *, allow_alias: bool) -> AwsError:
    if allow_alias and name.startswith(ALIAS_PREFIX):
        return errors.alias_not_found(alias_arn(call.account, call.region, name))
    if _KEY_ID.fullmatch(name):
        return errors.key_not_found(key_arn(call.account, call.region, name))
    return errors.invalid_key_id(text)


def _arn_prefix(account: str, region: str) -> str:
    return f"arn:{partition_of(region)}:kms:{region}:{account}:"
