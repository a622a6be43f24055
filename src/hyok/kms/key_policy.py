"""Key policies: kept and shown to the letter, read once and compiled when they first decide."""

from __future__ import annotations

import json
import logging
from typing import Final

from hyok.awsjson.errors import AwsError
from hyok.kms import errors
from hyok.kms.key_names import root_arn
from hyok.kms.values import KmsKey
from hyok.policy.compiled import compile_policies
from hyok.policy.dialects import KEY_POLICY
from hyok.policy.errors import PolicyError
from hyok.policy.memory import DecisionMemory
from hyok.policy.parsing import MAX_BYTES, parse_policy

POLICY_NAME: Final = "default"
"""The one name that a key's policy can have."""

_COMPILED_AT_MOST: Final = 4096
_INDENT: Final = 2

_log = logging.getLogger(__name__)


def read_policy(text: str) -> str:
    """Return a key policy to the letter. AwsError LimitExceeded… or MalformedPolicyDocumentException."""
    size = len(text.encode())
    if size > MAX_BYTES:
        raise errors.limit_exceeded(f"The key policy has {size} bytes; at most {MAX_BYTES} are allowed.")
    try:
        parse_policy(text, KEY_POLICY)
    except PolicyError as error:
        raise AwsError("MalformedPolicyDocumentException", f"The key policy cannot be read: {error}") from error
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


class CompiledKeyPolicies:
    """The policies of keys, compiled; keys with the same one share it."""

    def __init__(self) -> None:
        self._compiled: dict[str | tuple[str, str], DecisionMemory] = {}

    def of(self, key: KmsKey) -> DecisionMemory:
        """Return a key's policy, ready to decide; one that cannot be read (the storage was edited) allows nothing."""
        text = (key.account, key.region) if key.policy is None else key.policy
        compiled = self._compiled.get(text)
        if compiled is None:
            if len(self._compiled) >= _COMPILED_AT_MOST:
                self._compiled.clear()
            compiled = self._compiled[text] = _compile(key)
        return compiled


def _compile(key: KmsKey) -> DecisionMemory:
    try:
        return DecisionMemory(compile_policies({POLICY_NAME: parse_policy(policy_of(key), KEY_POLICY)}))
    except PolicyError as error:
        _log.error("the policy of %s cannot be read and allows nothing: %s", key.arn, error)
        return DecisionMemory(compile_policies({}))
