from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import botocore.session
import pytest

from hyok.awsjson.errors import AwsError
from hyok.kms.authorization import ACCOUNT_OPERATIONS
from tests.unit.kms.running import ACCOUNT, MODEL, OTHER_ACCOUNT, OTHER_REGION, REGION, RunningKms

ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/apps/app"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/run-1"
STRANGER = f"arn:aws:iam::{OTHER_ACCOUNT}:user/stranger"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
OTHER_ROOT = f"arn:aws:iam::{OTHER_ACCOUNT}:root"

OF_CIPHERTEXT = "the resource associated with this ciphertext"
NO_RESOURCE_POLICY = "because no resource-based policy allows the kms:{} action"
NO_IDENTITY_POLICY = "because no identity-based policy allows the kms:{} action"
DENIED_BY_RESOURCE = "with an explicit deny in a resource-based policy"
DENIED_BY_IDENTITY = "with an explicit deny in an identity-based policy"

Statement = dict[str, Any]


def allow(*actions: str, **more: object) -> Statement:
    """A statement that allows actions of KMS on everything, unless told otherwise."""
    return {"Effect": "Allow", "Action": [f"kms:{action}" for action in actions], "Resource": "*", **more}


def deny(*actions: str, **more: object) -> Statement:
    return allow(*actions, **more) | {"Effect": "Deny"}


def to(*arns: str) -> Statement:
    return {"Principal": {"AWS": list(arns)}}


def policy(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


DELEGATION = allow("*", **to(ROOT))


@pytest.fixture
def make_key(kms: RunningKms) -> Callable[..., str]:
    """Make a key whose policy has these statements, and no others."""

    def make(*statements: Statement) -> str:
        return kms.create_key(Policy=policy(*statements), BypassPolicyLockoutSafetyCheck=True)

    return make


def refusal(kms: RunningKms, operation: str, arn: str, *, caller: str = "", **request: object) -> str:
    """What the service says to a use of a key; empty if it is allowed."""
    try:
        kms.call(operation, {"KeyId": arn, **request}, caller=caller)
    except AwsError as error:
        return str(error)
    return ""


def encrypt(kms: RunningKms, arn: str, caller: str = "", **context: str) -> str:
    return refusal(kms, "Encrypt", arn, caller=caller, Plaintext=b"x", EncryptionContext=context)


def access_denied(principal: str, action: str, resource: str, reason: str) -> str:
    return (
        f"AccessDeniedException: User: {principal} is not authorized to perform: kms:{action} on resource: {resource} "
        + reason.format(action)
    )


def out_of_reach(principal: str, action: str, resource: str = "this resource") -> str:
    """What a stranger is told of a key that is not for it, or not there."""
    return (
        f"AccessDeniedException: User: {principal} is not authorized to perform: kms:{action} on {resource} because "
        "the resource does not exist in this Region, no resource-based policies allow access, or a resource-based "
        "policy explicitly denies access"
    )


# Key policy and identity policies


def test_the_default_policy_leaves_it_to_the_identity_policies(kms: RunningKms) -> None:
    arn = kms.create_key()
    may, may_not = kms.callers.add(ALICE, allow("Encrypt")), kms.callers.add(f"{ALICE}2", allow("Decrypt"))
    assert encrypt(kms, arn, may) == ""
    assert encrypt(kms, arn, may_not) == access_denied(f"{ALICE}2", "Encrypt", arn, NO_IDENTITY_POLICY)


def test_identity_policies_alone_open_no_key(kms: RunningKms, make_key: Callable[..., str]) -> None:
    arn = make_key(allow("*", **to(f"{ALICE}-the-other")))
    alice = kms.callers.add(ALICE, allow("*"))
    assert encrypt(kms, arn, alice) == access_denied(ALICE, "Encrypt", arn, NO_RESOURCE_POLICY)
    assert encrypt(kms, arn) == access_denied(ROOT, "Encrypt", arn, NO_RESOURCE_POLICY), "not even the root user's"


def test_a_key_policy_that_names_a_principal_is_enough_in_its_account(
    kms: RunningKms, make_key: Callable[..., str]
) -> None:
    arn = make_key(allow("Encrypt", **to(ALICE)))
    alice = kms.callers.add(ALICE)
    assert encrypt(kms, arn, alice) == ""
    assert refusal(kms, "DescribeKey", arn, caller=alice) == access_denied(
        ALICE, "DescribeKey", arn, NO_RESOURCE_POLICY
    )


def test_a_role_named_by_a_policy_means_its_sessions(kms: RunningKms, make_key: Callable[..., str]) -> None:
    arn = make_key(allow("Encrypt", **to(ROLE)))
    assert encrypt(kms, arn, kms.callers.add(SESSION)) == ""
    other = f"arn:aws:sts::{ACCOUNT}:assumed-role/other/run-1"
    assert encrypt(kms, arn, kms.callers.add(other)).startswith("AccessDeniedException")


def test_an_explicit_deny_wins_wherever_it_stands(kms: RunningKms, make_key: Callable[..., str]) -> None:
    arn = make_key(DELEGATION, allow("*", **to(ALICE)), deny("Encrypt", **to(ALICE)))
    alice = kms.callers.add(ALICE, allow("*"))
    assert encrypt(kms, arn, alice) == access_denied(ALICE, "Encrypt", arn, DENIED_BY_RESOURCE)
    arn = make_key(allow("*", **to(ALICE)))
    cautious = kms.callers.add(ALICE, deny("Encrypt", Resource=arn))
    assert encrypt(kms, arn, cautious) == access_denied(ALICE, "Encrypt", arn, DENIED_BY_IDENTITY)
    assert refusal(kms, "DescribeKey", arn, caller=cautious) == ""


def test_a_changed_policy_counts_from_the_next_call_on(kms: RunningKms, make_key: Callable[..., str]) -> None:
    arn = make_key(DELEGATION, allow("Encrypt", **to(ALICE)))
    alice = kms.callers.add(ALICE)
    for _ in range(2):
        assert encrypt(kms, arn, alice) == ""
    kms.call("PutKeyPolicy", {"KeyId": arn, "Policy": policy(DELEGATION)})
    assert encrypt(kms, arn, alice) == access_denied(ALICE, "Encrypt", arn, NO_IDENTITY_POLICY)
    kms.call("PutKeyPolicy", {"KeyId": arn, "Policy": policy(DELEGATION, allow("Encrypt", **to(ALICE)))})
    assert encrypt(kms, arn, alice) == ""


def test_what_one_principal_may_another_of_the_same_name_with_other_rights_may_not(kms: RunningKms) -> None:
    arn = kms.create_key()
    assert encrypt(kms, arn, kms.callers.add(ALICE, allow("Encrypt"))) == ""
    assert encrypt(kms, arn, kms.callers.add(ALICE)) != ""


def test_what_is_decided_for_one_key_holds_for_no_other_that_policies_tell_apart(
    kms: RunningKms, make_key: Callable[..., str]
) -> None:
    first, second = kms.create_key(), kms.create_key()
    alice = kms.callers.add(ALICE, allow("*", Resource=first))
    bob = kms.callers.add(f"{ALICE}2", allow("*"), {"Effect": "Deny", "Action": "kms:*", "NotResource": first})
    for caller, name in ((alice, ALICE), (bob, f"{ALICE}2")):
        reason = NO_IDENTITY_POLICY if caller == alice else DENIED_BY_IDENTITY
        for _ in range(2):
            assert encrypt(kms, first, caller) == ""
            assert encrypt(kms, second, caller) == access_denied(name, "Encrypt", second, reason)
    third = make_key(allow("*", **to(ROOT), Resource=first))
    fourth = kms.create_key(Policy=policy(allow("*", **to(ROOT), Resource=[first, "*"])))
    for _ in range(2):
        assert encrypt(kms, fourth) == ""
        assert encrypt(kms, third) == access_denied(ROOT, "Encrypt", third, NO_RESOURCE_POLICY)


def test_the_refusal_comes_before_that_of_the_state(kms: RunningKms) -> None:
    arn = kms.create_key()
    kms.call("DisableKey", {"KeyId": arn})
    assert encrypt(kms, arn, kms.callers.add(ALICE)).startswith("AccessDeniedException")
    assert refusal(kms, "Encrypt", arn, caller=kms.callers.add(ALICE, allow("*")), Plaintext=b"x", DryRun=True) == (
        f"DisabledException: {arn} is disabled."
    )


def test_a_dry_run_tells_who_may_not(kms: RunningKms) -> None:
    arn = kms.create_key()
    for caller, refused in ((kms.callers.add(ALICE), "AccessDeniedException"), ("", "DryRunOperationException")):
        assert refusal(kms, "Encrypt", arn, caller=caller, Plaintext=b"x", DryRun=True).startswith(refused)


# Across accounts


def test_a_key_of_another_account_needs_both_sides(kms: RunningKms, make_key: Callable[..., str]) -> None:
    arn = make_key(DELEGATION, allow("Encrypt", **to(OTHER_ROOT)))
    assert encrypt(kms, arn, kms.callers.add(STRANGER, allow("Encrypt"))) == ""
    assert encrypt(kms, arn, kms.callers.add(STRANGER)) == access_denied(STRANGER, "Encrypt", arn, NO_IDENTITY_POLICY)
    arn = make_key(DELEGATION)
    assert encrypt(kms, arn, kms.callers.add(STRANGER, allow("Encrypt"))) == out_of_reach(STRANGER, "Encrypt")
    arn = make_key(DELEGATION, deny("Encrypt", **to(STRANGER)))
    assert encrypt(kms, arn, kms.callers.add(STRANGER, allow("Encrypt"))) == out_of_reach(STRANGER, "Encrypt")


def test_even_a_named_stranger_needs_rights_at_home(kms: RunningKms, make_key: Callable[..., str]) -> None:
    arn = make_key(DELEGATION, allow("*", **to(STRANGER)))
    assert encrypt(kms, arn, kms.callers.add(STRANGER)) == access_denied(STRANGER, "Encrypt", arn, NO_IDENTITY_POLICY)
    assert encrypt(kms, arn, kms.callers.add(STRANGER, allow("Encrypt", Resource=arn))) == ""
    assert refusal(kms, "DescribeKey", arn) == ""


def test_what_aws_keeps_within_an_account_is_refused_to_strangers_whatever_policies_say(
    kms: RunningKms, make_key: Callable[..., str]
) -> None:
    arn = make_key(DELEGATION, allow("*", **to(OTHER_ROOT)))
    stranger = kms.callers.add(STRANGER, allow("*"))
    assert refusal(kms, "DescribeKey", arn, caller=stranger) == ""
    for operation in ("DisableKey", "GetKeyPolicy", "ListKeyRotations", "ListResourceTags"):
        assert refusal(kms, operation, arn, caller=stranger) == out_of_reach(STRANGER, operation)


def test_a_ciphertext_tells_strangers_nothing_of_its_key(kms: RunningKms, make_key: Callable[..., str]) -> None:
    arn = make_key(DELEGATION, allow("Decrypt", **to(f"{OTHER_ROOT}")))
    blob = kms.call("Encrypt", {"KeyId": arn, "Plaintext": b"shared"})["CiphertextBlob"]
    friend, stranger = kms.callers.add(STRANGER, allow("Decrypt")), kms.callers.add(f"{STRANGER}2")
    assert kms.call("Decrypt", {"CiphertextBlob": blob}, caller=friend)["Plaintext"] == b"shared"
    assert decrypt(kms, blob, stranger) == (
        f"AccessDeniedException: User: {STRANGER}2 is not authorized to perform: kms:Decrypt on {OF_CIPHERTEXT} "
        "because no identity-based policy allows the kms:Decrypt action"
    )
    blob = kms.call("Encrypt", {"KeyId": kms.create_key(), "Plaintext": b"not shared"})["CiphertextBlob"]
    assert decrypt(kms, blob, stranger) == out_of_reach(f"{STRANGER}2", "Decrypt", OF_CIPHERTEXT)


def test_the_id_of_a_shared_key_is_enough_beside_its_ciphertext(kms: RunningKms, make_key: Callable[..., str]) -> None:
    arn = make_key(DELEGATION, allow("Decrypt", "ReEncryptFrom", **to(OTHER_ROOT)))
    key_id = arn.rpartition("/")[2]
    blob = kms.call("Encrypt", {"KeyId": arn, "Plaintext": b"shared"})["CiphertextBlob"]
    friend = kms.callers.add(STRANGER, allow("*"))
    opened = kms.call("Decrypt", {"CiphertextBlob": blob, "KeyId": key_id}, caller=friend)
    assert (opened["Plaintext"], opened["KeyId"]) == (b"shared", arn)
    own = kms.call("CreateKey", {}, caller=friend)["KeyMetadata"]["Arn"]
    moved = {"CiphertextBlob": blob, "SourceKeyId": key_id, "DestinationKeyId": own}
    assert kms.call("ReEncrypt", moved, caller=friend)["SourceKeyId"] == arn
    other = make_key(DELEGATION).rpartition("/")[2]
    assert decrypt(kms, blob, friend, KeyId=other).startswith("NotFoundException")
    kms.call("PutKeyPolicy", {"KeyId": arn, "Policy": policy(DELEGATION)})
    assert decrypt(kms, blob, friend, KeyId=key_id) == out_of_reach(STRANGER, "Decrypt")


def test_a_ciphertext_tells_its_own_account_nothing_but_which_policy_is_missing(kms: RunningKms) -> None:
    arn = kms.create_key()
    blob = kms.call("Encrypt", {"KeyId": arn, "Plaintext": b"x"})["CiphertextBlob"]
    alice = kms.callers.add(ALICE)
    assert decrypt(kms, blob, alice) == (
        f"AccessDeniedException: User: {ALICE} is not authorized to perform: kms:Decrypt on {OF_CIPHERTEXT} because no "
        "identity-based policy allows the kms:Decrypt action"
    )
    assert decrypt(kms, blob, alice, KeyId=arn) == access_denied(ALICE, "Decrypt", arn, NO_IDENTITY_POLICY)


def decrypt(kms: RunningKms, blob: bytes, caller: str, **request: object) -> str:
    with pytest.raises(AwsError) as raised:
        kms.call("Decrypt", {"CiphertextBlob": blob, **request}, caller=caller)
    return str(raised.value)


def test_a_stranger_cannot_tell_a_key_that_is_there_from_one_that_is_not(kms: RunningKms) -> None:
    present = kms.create_external_key()
    absent = present[:-12] + "0" * 12
    stranger = kms.callers.add(STRANGER, allow("*"))
    sign = {"GranteePrincipal": STRANGER, "Operations": ["Sign"]}
    for operation, request in (
        ("DescribeKey", {}),
        ("Encrypt", {"Plaintext": b"x"}),
        ("Sign", {"Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}),
        ("GetKeyRotationStatus", {}),
        ("CreateGrant", sign),
        ("RetireGrant", {"GrantId": "0" * 64}),
        ("RevokeGrant", {"GrantId": "0" * 64}),
        ("PutKeyPolicy", {"Policy": policy(DELEGATION)}),
    ):
        said = [refusal(kms, operation, arn, caller=stranger, **request) for arn in (present, absent)]
        assert said == [out_of_reach(STRANGER, operation)] * 2


# Actions on no key, and on several


def test_actions_on_no_key_are_for_the_identity_policies_alone(kms: RunningKms) -> None:
    lister, nobody = kms.callers.add(ALICE, allow("ListKeys")), kms.callers.add(ALICE)
    assert kms.call("ListKeys", {}, caller=lister)["Keys"] == []
    with pytest.raises(AwsError) as caught:
        kms.call("ListKeys", {}, caller=nobody)
    assert str(caught.value) == access_denied(ALICE, "ListKeys", "*", NO_IDENTITY_POLICY)
    denied = kms.callers.add(ALICE, allow("*"), deny("GenerateRandom"))
    with pytest.raises(AwsError) as caught:
        kms.call("GenerateRandom", {"NumberOfBytes": 8}, caller=denied)
    assert str(caught.value) == access_denied(ALICE, "GenerateRandom", "*", DENIED_BY_IDENTITY)


def test_every_operation_without_a_key_id_is_asked_for_or_has_a_way_of_its_own() -> None:
    model = botocore.session.Session().get_service_model("kms")
    inputs = {name: model.operation_model(name).input_shape for name in MODEL.operations}
    without_key_id = {name for name, shape in inputs.items() if shape is None or "KeyId" not in shape.members}
    its_own_way = {"CreateAlias", "UpdateAlias", "DeleteAlias", "ListRetirableGrants", "ReEncrypt"}
    assert without_key_id == (ACCOUNT_OPERATIONS - {"ListAliases"}) | its_own_way


def test_a_key_with_tags_needs_the_right_to_tag(kms: RunningKms) -> None:
    maker = kms.callers.add(ALICE, allow("CreateKey"))
    kms.call("CreateKey", {}, caller=maker)
    with pytest.raises(AwsError, match=r"kms:TagResource on resource: \* because no identity-based policy"):
        kms.call("CreateKey", {"Tags": [{"TagKey": "a", "TagValue": "1"}]}, caller=maker)


def test_an_alias_needs_rights_to_itself_and_to_its_key(kms: RunningKms) -> None:
    arn, other = kms.create_key(), kms.create_key()
    alias = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/app"
    request = {"AliasName": "alias/app", "TargetKeyId": arn}
    for resources, missing in (([arn], alias), ([alias], arn)):
        caller = kms.callers.add(ALICE, allow("CreateAlias", Resource=resources))
        with pytest.raises(AwsError, match=f"kms:CreateAlias on resource: {missing} because no identity-based"):
            kms.call("CreateAlias", request, caller=caller)
    kms.call("CreateAlias", request, caller=kms.callers.add(ALICE, allow("CreateAlias", Resource=[arn, alias])))
    caller = kms.callers.add(ALICE, allow("UpdateAlias", "DeleteAlias", Resource=[other, alias]))
    for operation in ("UpdateAlias", "DeleteAlias"):
        with pytest.raises(AwsError, match=f"kms:{operation} on resource: {arn}"):
            kms.call(operation, {**request, "TargetKeyId": other}, caller=caller)


def test_reencrypt_needs_both_of_its_rights(kms: RunningKms) -> None:
    source, destination = kms.create_key(), kms.create_key()
    blob = kms.call("Encrypt", {"KeyId": source, "Plaintext": b"x"})["CiphertextBlob"]
    request = {"CiphertextBlob": blob, "DestinationKeyId": destination}
    for action, missing in (("ReEncryptTo", OF_CIPHERTEXT), ("ReEncryptFrom", f"resource: {destination}")):
        caller = kms.callers.add(ALICE, allow(action))
        with pytest.raises(AwsError, match=f"on {missing} because no identity-based policy"):
            kms.call("ReEncrypt", request, caller=caller)
    kms.call("ReEncrypt", request, caller=kms.callers.add(ALICE, allow("ReEncrypt*")))


def test_retirable_grants_are_listed_for_principals_of_one_s_own_account(kms: RunningKms) -> None:
    with pytest.raises(AwsError, match=f"kms:ListRetirableGrants on resource: {STRANGER}"):
        kms.call("ListRetirableGrants", {"RetiringPrincipal": STRANGER})
    caller = kms.callers.add(ALICE, allow("ListRetirableGrants", Resource=ALICE))
    assert kms.call("ListRetirableGrants", {"RetiringPrincipal": ALICE}, caller=caller)["Grants"] == []
    with pytest.raises(AwsError, match=f"on resource: {ROLE} because no identity-based policy"):
        kms.call("ListRetirableGrants", {"RetiringPrincipal": ROLE}, caller=caller)


# The lockout safety check


def test_a_policy_must_let_its_author_change_it_again(kms: RunningKms) -> None:
    arn = kms.create_key()
    caller = kms.callers.add(ALICE, allow("*"))
    lockout = "MalformedPolicyDocumentException: The new key policy will not allow you to update the key policy in the"
    without_put = policy(allow("Encrypt", "Decrypt", **to(ROOT)))
    for who in (caller, ""):
        assert refusal(kms, "PutKeyPolicy", arn, caller=who, Policy=without_put).startswith(lockout)
        with pytest.raises(AwsError, match=lockout):
            kms.call("CreateKey", {"Policy": without_put}, caller=who)
    assert refusal(kms, "PutKeyPolicy", arn, caller=caller, Policy=policy(allow("PutKeyPolicy", **to(ALICE)))) == ""


def test_the_check_can_be_bypassed_and_then_nobody_gets_back_in(kms: RunningKms) -> None:
    arn = kms.create_key()
    locked = policy(allow("Encrypt", **to(ALICE)))
    assert refusal(kms, "PutKeyPolicy", arn, Policy=locked, BypassPolicyLockoutSafetyCheck=True) == ""
    assert refusal(kms, "GetKeyPolicy", arn) == access_denied(ROOT, "GetKeyPolicy", arn, NO_RESOURCE_POLICY)


def test_policies_can_keep_the_check_from_being_bypassed(kms: RunningKms) -> None:
    condition = {"Bool": {"kms:BypassPolicyLockoutSafetyCheck": "true"}}
    caller = kms.callers.add(ALICE, allow("*"), deny("CreateKey", "PutKeyPolicy", Condition=condition))
    arn = kms.create_key()
    default = kms.call("GetKeyPolicy", {"KeyId": arn})["Policy"]
    assert refusal(kms, "PutKeyPolicy", arn, caller=caller, Policy=default) == ""
    assert DENIED_BY_IDENTITY in refusal(
        kms, "PutKeyPolicy", arn, caller=caller, Policy=default, BypassPolicyLockoutSafetyCheck=True
    )


def test_a_stored_policy_that_cannot_be_read_allows_nothing(kms: RunningKms, caplog: pytest.LogCaptureFixture) -> None:
    arn = kms.create_key()
    kms.run(kms.space.keys.change(kms.find(arn), lambda key: replace(key, policy="{}")))
    assert encrypt(kms, arn) == access_denied(ROOT, "Encrypt", arn, NO_RESOURCE_POLICY)
    assert f"the policy of {arn} cannot be read" in caplog.text


def test_regions_do_not_share_rights(kms: RunningKms) -> None:
    elsewhere = kms.call("CreateKey", {}, region=OTHER_REGION)["KeyMetadata"]["Arn"]
    assert encrypt(kms, elsewhere) == f"NotFoundException: Invalid arn {OTHER_REGION}"
