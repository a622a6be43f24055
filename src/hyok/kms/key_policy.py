"""Key policies: kept and shown to the letter. Nothing decides by them yet."""

from __future__ import annotations

import json
from typing import Final

from hyok.awsjson.errors import AwsError
from hyok.kms import errors
from hyok.kms.key_names import root_arn
from hyok.kms.values import KmsKey

POLICY_NAME: Final = "default"
"""The one name that a key's policy can have."""

MAX_POLICY_BYTES: Final = 32_768
"""AWS KMS quota; the service model allows more."""

_INDENT: Final = 2


def read_policy(text: str) -> str:
    """Return a key policy to the letter. AwsError LimitExceeded… or MalformedPolicyDocumentException."""
    size = len(text.encode())
    if size > MAX_POLICY_BYTES:
        raise errors.limit_exceeded(f"The key policy has {size} bytes; at most {MAX_POLICY_BYTES} are allowed.")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AwsError("MalformedPolicyDocumentException", "The key policy is not JSON.") from error
    if not isinstance(document, dict):
        raise AwsError("MalformedPolicyDocumentException", "The key policy is not a JSON object.")
    return text


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
                "Principal": {"AWS": root_arn(account, region)},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }
    return json.dumps(policy, indent=_INDENT, separators=(",", " : "))
