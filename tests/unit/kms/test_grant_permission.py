"""What grants let principals do whom no policy lets."""

from __future__ import annotations

from typing import Any

import pytest

from hyok.awsjson.errors import AwsError
from tests.unit.kms.running import ACCOUNT, OTHER_ACCOUNT, RunningKms
from tests.unit.kms.test_authorization import (
    ALICE,
    DENIED_BY_IDENTITY,
    DENIED_BY_RESOURCE,
    OTHER_ROOT,
    ROLE,
    ROOT,
    SESSION,
    STRANGER,
    allow,
    deny,
    encrypt,
    policy,
    refusal,
    to,
)

BOB = f"arn:aws:iam::{ACCOUNT}:user/bob"


def grant(kms: RunningKms, arn: str, grantee: str = ALICE, caller: str = "", **request: object) -> dict[str, Any]:
    wanted = {"KeyId": arn, "GranteePrincipal": grantee, "Operations": ["Encrypt"], **request}
    return kms.call("CreateGrant", wanted, caller=caller)


def is_denied(text: str) -> bool:
    return text.startswith("AccessDeniedException")


def test_a_grant_allows_its_operations_from_its_creation_to_its_end(kms: RunningKms) -> None:
    arn = kms.create_key()
    alice = kms.callers.add(ALICE)
    assert is_denied(encrypt(kms, arn, alice))
    made = grant(kms, arn)
    assert encrypt(kms, arn, alice) == ""
    assert is_denied(refusal(kms, "GenerateDataKey", arn, caller=alice, KeySpec="AES_256"))
    assert is_denied(encrypt(kms, arn, kms.callers.add(BOB)))
    kms.call("RevokeGrant", {"KeyId": arn, "GrantId": made["GrantId"]})
    assert is_denied(encrypt(kms, arn, alice))


def test_a_grant_is_of_one_key(kms: RunningKms) -> None:
    grant(kms, kms.create_key())
    assert is_denied(encrypt(kms, kms.create_key(), kms.callers.add(ALICE)))


@pytest.mark.parametrize("grantee", [ROLE, SESSION])
def test_a_session_has_its_own_grants_and_its_role_s(kms: RunningKms, grantee: str) -> None:
    arn = kms.create_key()
    grant(kms, arn, grantee)
    assert encrypt(kms, arn, kms.callers.add(SESSION)) == ""
    another = kms.callers.add(SESSION.replace("run-1", "run-2"))
    assert is_denied(encrypt(kms, arn, another)) is (grantee == SESSION)


def test_a_grant_to_an_account_is_for_whom_that_account_lets(kms: RunningKms) -> None:
    arn = kms.create_key()
    grant(kms, arn, OTHER_ROOT)
    assert refusal(kms, "Encrypt", arn, caller=kms.callers.add(OTHER_ROOT), Plaintext=b"x") == ""
    assert encrypt(kms, arn, kms.callers.add(STRANGER, allow("Encrypt"))) == ""
    assert is_denied(encrypt(kms, arn, kms.callers.add(STRANGER)))


def test_a_grant_to_a_stranger_is_enough(kms: RunningKms) -> None:
    arn = kms.create_key()
    grant(kms, arn, STRANGER, Operations=["Decrypt", "Encrypt"])
    stranger = kms.callers.add(STRANGER)
    blob = kms.call("Encrypt", {"KeyId": arn, "Plaintext": b"x"}, caller=stranger)["CiphertextBlob"]
    assert kms.call("Decrypt", {"CiphertextBlob": blob}, caller=stranger)["Plaintext"] == b"x"


def test_no_grant_helps_against_a_deny(kms: RunningKms) -> None:
    arn = kms.create_key()
    grant(kms, arn)
    assert DENIED_BY_IDENTITY in encrypt(kms, arn, kms.callers.add(ALICE, deny("Encrypt")))
    denying = policy(allow("*", **to(ROOT)), deny("Encrypt", **to(ALICE)))
    kms.call("PutKeyPolicy", {"KeyId": arn, "Policy": denying})
    assert DENIED_BY_RESOURCE in encrypt(kms, arn, kms.callers.add(ALICE))


def test_the_whole_context_or_a_part_of_it_can_be_a_constraint(kms: RunningKms) -> None:
    arn = kms.create_key()
    alice, bob = kms.callers.add(ALICE), kms.callers.add(BOB)
    grant(kms, arn, ALICE, Constraints={"EncryptionContextEquals": {"Tenant": "nile", "n": "1"}})
    grant(kms, arn, BOB, Constraints={"EncryptionContextSubset": {"Tenant": "nile"}})
    for who, context, is_allowed in (
        (alice, {"Tenant": "nile", "n": "1"}, True),
        (alice, {"tenant": "nile", "N": "1"}, True),
        (alice, {"Tenant": "Nile", "n": "1"}, False),
        (alice, {"Tenant": "nile"}, False),
        (alice, {"Tenant": "nile", "n": "1", "more": "x"}, False),
        (alice, {}, False),
        (bob, {"Tenant": "nile"}, True),
        (bob, {"TENANT": "nile", "more": "x"}, True),
        (bob, {"Tenant": "NILE"}, False),
        (bob, {"Tenant": "volga", "tenant ": "nile"}, False),
        (bob, {}, False),
    ):
        assert is_denied(encrypt(kms, arn, who, **context)) is not is_allowed, (who, context)


def test_an_empty_context_can_be_demanded(kms: RunningKms) -> None:
    arn = kms.create_key()
    grant(kms, arn, Constraints={"EncryptionContextEquals": {}})
    alice = kms.callers.add(ALICE)
    assert encrypt(kms, arn, alice) == ""
    assert is_denied(encrypt(kms, arn, alice, a="1"))


def test_each_side_of_reencrypt_is_held_to_its_own_context(kms: RunningKms) -> None:
    arn = kms.create_key()
    blob = kms.call("Encrypt", {"KeyId": arn, "Plaintext": b"x", "EncryptionContext": {"a": "1"}})["CiphertextBlob"]
    grant(kms, arn, Operations=["ReEncryptFrom"], Constraints={"EncryptionContextEquals": {"a": "1"}})
    grant(kms, arn, Operations=["ReEncryptTo"], Constraints={"EncryptionContextEquals": {"b": "2"}})
    request = {"CiphertextBlob": blob, "DestinationKeyId": arn, "SourceEncryptionContext": {"a": "1"}}
    alice = kms.callers.add(ALICE)
    kms.call("ReEncrypt", {**request, "DestinationEncryptionContext": {"b": "2"}}, caller=alice)
    with pytest.raises(AwsError, match="kms:ReEncryptTo"):
        kms.call("ReEncrypt", {**request, "DestinationEncryptionContext": {"a": "1"}}, caller=alice)


def test_a_context_constraint_does_not_keep_from_describing_and_retiring(kms: RunningKms) -> None:
    arn = kms.create_key()
    made = grant(
        kms,
        arn,
        Operations=["DescribeKey", "Encrypt", "RetireGrant"],
        Constraints={"EncryptionContextSubset": {"a": "1"}},
    )
    alice = kms.callers.add(ALICE)
    assert refusal(kms, "DescribeKey", arn, caller=alice) == ""
    kms.call("RetireGrant", {"GrantToken": made["GrantToken"]}, caller=alice)
    assert is_denied(refusal(kms, "DescribeKey", arn, caller=alice))


def test_a_grant_on_behalf_of_a_resource_is_not_for_calls_without_one(kms: RunningKms) -> None:
    arn = kms.create_key()
    source = f"arn:aws:ec2:eu-central-1:{ACCOUNT}:volume/vol-1"
    grant(kms, arn, Constraints={"SourceArn": source})
    assert is_denied(encrypt(kms, arn, kms.callers.add(ALICE)))


def test_a_token_of_a_grant_that_ended_opens_nothing(kms: RunningKms) -> None:
    arn = kms.create_key()
    made = grant(kms, arn)
    alice = kms.callers.add(ALICE)
    assert refusal(kms, "Encrypt", arn, caller=alice, Plaintext=b"x", GrantTokens=[made["GrantToken"]]) == ""
    kms.call("RevokeGrant", {"KeyId": arn, "GrantId": made["GrantId"]})
    assert is_denied(refusal(kms, "Encrypt", arn, caller=alice, Plaintext=b"x", GrantTokens=[made["GrantToken"]]))


# Grants made by the right of grants


@pytest.mark.parametrize(
    ("operations", "constraints", "is_allowed"),
    [
        (["Encrypt"], {"EncryptionContextSubset": {"a": "1"}}, True),
        (["Encrypt"], {"EncryptionContextSubset": {"A": "1", "b": "2"}}, True),
        (["Encrypt"], {"EncryptionContextEquals": {"a": "1"}}, True),
        (["CreateGrant", "Encrypt"], {"EncryptionContextEquals": {"a": "1", "b": "2"}}, True),
        (["Encrypt"], {"EncryptionContextEquals": {"b": "2"}}, False),
        (["Encrypt"], {"EncryptionContextSubset": {"a": "2"}}, False),
        (["Encrypt"], {}, False),
        (["Decrypt"], {"EncryptionContextSubset": {"a": "1"}}, False),
        (["Encrypt", "DescribeKey"], {"EncryptionContextSubset": {"a": "1"}}, False),
    ],
)
def test_a_child_allows_no_more_than_its_parent(
    kms: RunningKms, operations: list[str], constraints: dict[str, dict[str, str]], is_allowed: bool
) -> None:
    arn = kms.create_key()
    subset = {"EncryptionContextSubset": {"a": "1"}}
    grant(kms, arn, ALICE, Operations=["CreateGrant", "Encrypt"], Constraints=subset)
    alice = kms.callers.add(ALICE)
    wanted = {"GranteePrincipal": BOB, "Operations": operations, "Constraints": constraints}
    assert is_denied(refusal(kms, "CreateGrant", arn, caller=alice, **wanted)) is not is_allowed


def test_an_exact_constraint_is_inherited_exactly(kms: RunningKms) -> None:
    arn = kms.create_key()
    exact = {"EncryptionContextEquals": {"a": "1"}}
    grant(kms, arn, ALICE, Operations=["CreateGrant", "Encrypt"], Constraints=exact)
    alice = kms.callers.add(ALICE)
    grant(kms, arn, BOB, alice, Constraints=exact)
    for weaker in ({"EncryptionContextSubset": {"a": "1"}}, {"EncryptionContextEquals": {"a": "1", "b": "2"}}):
        with pytest.raises(AwsError, match="AccessDeniedException"):
            grant(kms, arn, BOB, alice, Constraints=weaker)


def test_a_child_outlives_its_parent(kms: RunningKms) -> None:
    arn = kms.create_key()
    parent = grant(kms, arn, ALICE, Operations=["CreateGrant", "Encrypt"])
    grant(kms, arn, BOB, kms.callers.add(ALICE))
    kms.call("RevokeGrant", {"KeyId": arn, "GrantId": parent["GrantId"]})
    assert encrypt(kms, arn, kms.callers.add(BOB)) == ""


# Who may end them


def test_a_grant_is_retired_by_whom_it_names_and_by_its_grantee_if_it_says_so(kms: RunningKms) -> None:
    arn = kms.create_key()
    for retirer, more in (
        (BOB, {"RetiringPrincipal": BOB}),
        (SESSION, {"RetiringPrincipal": ROLE}),
        (STRANGER, {"RetiringPrincipal": STRANGER}),
        (ALICE, {"Operations": ["RetireGrant", "Encrypt"]}),
        (ROOT, {}),
    ):
        made = grant(kms, arn, **more)
        kms.call("RetireGrant", {"GrantToken": made["GrantToken"]}, caller=kms.callers.add(retirer))
    assert kms.call("ListGrants", {"KeyId": arn})["Grants"] == []


def test_nobody_else_retires_or_revokes_it(kms: RunningKms) -> None:
    arn = kms.create_key()
    made = grant(kms, arn, RetiringPrincipal=BOB)
    by_id = {"KeyId": arn, "GrantId": made["GrantId"]}
    alice = kms.callers.add(ALICE)
    with pytest.raises(AwsError, match=f"kms:RetireGrant on resource: {arn} because no identity-based policy"):
        kms.call("RetireGrant", by_id, caller=alice)
    with pytest.raises(AwsError, match=f"kms:RevokeGrant on resource: {arn}"):
        kms.call("RevokeGrant", by_id, caller=kms.callers.add(BOB))
    with pytest.raises(AwsError, match="with an explicit deny in an identity-based policy"):
        kms.call("RetireGrant", by_id, caller=kms.callers.add(BOB, deny("RetireGrant")))


def test_policies_can_let_others_retire_and_revoke(kms: RunningKms) -> None:
    arn = kms.create_key()
    for operation in ("RetireGrant", "RevokeGrant"):
        made = grant(kms, arn)
        caller = kms.callers.add(BOB, allow(operation))
        kms.call(operation, {"KeyId": arn, "GrantId": made["GrantId"]}, caller=caller)


def test_a_stranger_s_grants_are_seen_and_retired_across_accounts(kms: RunningKms) -> None:
    arn = kms.create_key()
    made = grant(kms, arn, RetiringPrincipal=STRANGER)
    stranger = kms.callers.add(STRANGER, allow("ListRetirableGrants"))
    listed = kms.call("ListRetirableGrants", {"RetiringPrincipal": STRANGER}, caller=stranger)["Grants"]
    assert [entry["GrantId"] for entry in listed] == [made["GrantId"]]
    kms.call("RetireGrant", {"KeyId": arn, "GrantId": made["GrantId"]}, caller=stranger)
    assert kms.call("ListRetirableGrants", {"RetiringPrincipal": STRANGER}, account=OTHER_ACCOUNT)["Grants"] == []
