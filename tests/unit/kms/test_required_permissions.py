"""Which permission each operation needs, as the prose of the service model says, asked for and enough."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from hyok.awsjson.errors import AwsError
from tests.unit.awsjson.support import operation_names
from tests.unit.kms.requests import least_request, prose_of
from tests.unit.kms.running import RunningKms
from tests.unit.kms.test_authorization import ALICE, allow, deny

MULTI_REGION = {"ReplicateKey", "UpdatePrimaryRegion"}
"""There are no keys that these work on, so that all of their permissions but the first are never come to."""


class Needs(NamedTuple):
    """An operation and the actions that a caller must be allowed."""

    operation: str
    actions: tuple[str, ...]

    def __str__(self) -> str:
        return self.operation


def needs() -> Iterator[Needs]:
    for operation in operation_names():
        said = prose_of(operation).partition("Required permissions")[2].partition("Related operations")[0]
        actions = re.findall(r"kms:(\w+)(?: permission)?\s*(?:on [^(.]*)?\((?:key|IAM) policy\)", said)
        yield Needs(operation, tuple(dict.fromkeys(actions)) or (operation,))


NEEDS = list(needs())


def refusal(kms: RunningKms, operation: str, caller: str) -> str:
    """What is said to the least request of an operation on a key; empty if it is done."""
    key, other = kms.create_key(), kms.create_key()
    request = least_request(operation)
    request |= {name: key for name in ("KeyId", "TargetKeyId", "DestinationKeyId") if name in request}
    if operation == "CreateKey":
        request["Tags"] = [{"TagKey": "a", "TagValue": "b"}]
    if operation in ("UpdateAlias", "DeleteAlias"):
        kms.call("CreateAlias", {"AliasName": request["AliasName"], "TargetKeyId": other})
    if operation in ("Decrypt", "ReEncrypt"):
        request["CiphertextBlob"] = kms.call("Encrypt", {"KeyId": other, "Plaintext": b"x"})["CiphertextBlob"]
    try:
        kms.call(operation, request, caller=caller)
    except AwsError as error:
        return str(error)
    return ""


def store_operations() -> set[str]:
    return {operation for operation in operation_names() if "CustomKeyStore" in operation}


ON_KEYS = [each for each in NEEDS if each.operation not in {*store_operations(), "RetireGrant"}]
"""The rig of these tests has no operations on stores (see ACCOUNT_OPERATIONS); a grant itself allows to retire it."""


@pytest.mark.parametrize("each", ON_KEYS, ids=str)
def test_what_an_operation_needs_is_enough(kms: RunningKms, each: Needs) -> None:
    caller = kms.callers.add(ALICE, allow(*each.actions))
    assert "is not authorized" not in refusal(kms, each.operation, caller)


@pytest.mark.parametrize("each", ON_KEYS, ids=str)
def test_an_operation_needs_each_of_its_permissions(kms: RunningKms, each: Needs) -> None:
    for action in each.actions[: 1 if each.operation in MULTI_REGION else None]:
        caller = kms.callers.add(ALICE, allow("*"), deny(action))
        said = refusal(kms, each.operation, caller)
        assert said.startswith(
            f"AccessDeniedException: User: {ALICE} is not authorized to perform: kms:{action} on "
        ), said
        assert said.endswith("with an explicit deny in an identity-based policy")


def test_the_prose_was_understood() -> None:
    found = dict(NEEDS)
    assert found["ReEncrypt"] == ("ReEncryptFrom", "ReEncryptTo")
    assert found["CreateKey"] == ("CreateKey", "TagResource")
    assert {each.operation for each in NEEDS if each.actions == (each.operation,)} == {
        each.operation for each in NEEDS
    } - {"ReEncrypt", "CreateKey"}
