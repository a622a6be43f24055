"""Key policies: kept and shown to the letter. Nothing decides by them yet."""

from __future__ import annotations

import json
from typing import Final

from hyok.kms.key_names import partition_of
from hyok.kms.values import KmsKey

POLICY_NAME: Final = "default"
"""The one name that a key's policy can have."""

_INDENT: Final = 2


def policy_of(key: KmsKey) -> str:
    """Return the policy a key was made with, or the default one."""
    return default_policy(key.account, key.region) if key.policy is None else key.policy


def default_policy(account: str, region: str) -> str:
    """Return the policy of a key that was made without one: the account decides, by IAM."""
    policy = {
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [
            {
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{partition_of(region)}:iam::{account}:root"},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }
    return json.dumps(policy, indent=_INDENT, separators=(",", " : "))
