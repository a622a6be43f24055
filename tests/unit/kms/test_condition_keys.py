"""Each condition key, once where it is met and once where it is not, through whole requests."""

from __future__ import annotations

from typing import Any

import pytest

from hyok.awsjson.errors import AwsError
from hyok.kms.condition_keys import Use, context_of
from tests.unit.kms.examples import EXTERNAL_KEY, ORDINARY_KEY
from tests.unit.kms.running import ACCOUNT, OTHER_ACCOUNT, RunningKms, a_call
from tests.unit.kms.test_authorization import ALICE, ROOT, SESSION, allow, deny, encrypt, policy, refusal, to

CALL = a_call("Encrypt")


def value(name: str, **use: Any) -> object:
    """What a condition key is in a use; None if it is absent."""
    made = {"call": CALL, "action": "Encrypt", "request": {}, "key": ORDINARY_KEY, **use}
    return context_of(Use(**made), [name]).get(name)


@pytest.mark.parametrize(
    ("name", "use", "expected"),
    [
        ("kms:calleraccount", {}, ACCOUNT),
        ("kms:keyorigin", {}, "AWS_KMS"),
        ("kms:keyorigin", {"key": EXTERNAL_KEY}, "EXTERNAL_KEY_STORE"),
        ("kms:keyorigin", {"key": None, "action": "CreateKey", "request": {"Origin": "EXTERNAL"}}, "EXTERNAL"),
        ("kms:keyorigin", {"key": None, "action": "CreateKey"}, "AWS_KMS"),
        ("kms:keyorigin", {"key": None, "action": "ListKeys"}, None),
        ("kms:keyspec", {}, "SYMMETRIC_DEFAULT"),
        ("kms:keyusage", {}, "ENCRYPT_DECRYPT"),
        ("kms:multiregion", {}, False),
        ("kms:multiregion", {"key": None, "action": "CreateKey", "request": {"MultiRegion": True}}, True),
        ("kms:requestalias", {"key_name": "alias/app"}, "alias/app"),
        ("kms:requestalias", {"key_name": "arn:aws:kms:eu-central-1:1:alias/app/x"}, "alias/app/x"),
        ("kms:requestalias", {"key_name": ORDINARY_KEY.arn}, None),
        ("kms:resourcealiases", {"key_aliases": lambda _: ["alias/a", "alias/b"]}, ("alias/a", "alias/b")),
        ("kms:resourcealiases", {}, None),
        ("kms:encryptioncontext:tenant", {"encryption_context": {"Tenant": "nile"}}, "nile"),
        ("kms:encryptioncontext:tenant", {"encryption_context": {"Tenant": "a", "tenant": "b"}}, ("a", "b")),
        ("kms:encryptioncontext:tenant", {}, None),
        ("kms:encryptioncontextkeys", {"encryption_context": {"B": "1", "a": "2"}}, ("B", "a")),
        ("kms:encryptioncontextkeys", {}, None),
        ("kms:encryptionalgorithm", {}, "SYMMETRIC_DEFAULT"),
        ("kms:encryptionalgorithm", {"action": "DescribeKey"}, None),
        ("kms:reencryptonsamekey", {"is_same_key": False}, False),
        ("kms:reencryptonsamekey", {}, None),
        (
            "kms:viaservice",
            {"call": CALL._replace(via_service="s3.eu-central-1.amazonaws.com")},
            "s3.eu-central-1.amazonaws.com",
        ),
        ("kms:viaservice", {}, None),
        ("kms:grantisforawsresource", {"action": "CreateGrant"}, False),
        ("kms:grantisforawsresource", {"action": "ListGrants", "call": CALL._replace(via_service="x")}, True),
        ("kms:grantisforawsresource", {}, None),
        ("kms:policyname", {"action": "PutKeyPolicy"}, "default"),
        ("kms:policyname", {}, None),
        ("kms:bypasspolicylockoutsafetycheck", {"action": "PutKeyPolicy"}, False),
        ("kms:bypasspolicylockoutsafetycheck", {}, None),
        ("kms:schedulekeydeletionpendingwindowindays", {"request": {"PendingWindowInDays": 7}}, 7),
        ("kms:rotationperiodindays", {"request": {"RotationPeriodInDays": 90}}, 90),
        ("kms:datakeypairspec", {"request": {"KeyPairSpec": "RSA_2048"}}, "RSA_2048"),
        ("kms:wrappingalgorithm", {"request": {}}, None),
        ("aws:principalarn", {}, f"arn:aws:iam::{ACCOUNT}:root"),
        ("aws:principalarn", {"call": CALL._replace(principal_arn=SESSION)}, f"arn:aws:iam::{ACCOUNT}:role/app"),
        ("aws:principalaccount", {}, ACCOUNT),
        ("aws:principaltype", {}, "Account"),
        ("aws:principaltype", {"call": CALL._replace(principal_arn=ALICE)}, "User"),
        ("aws:principaltype", {"call": CALL._replace(principal_arn=SESSION)}, "AssumedRole"),
        ("aws:principaltype", {"call": CALL._replace(principal_arn="logs.amazonaws.com")}, None),
        ("aws:username", {"call": CALL._replace(principal_arn=ALICE)}, "alice"),
        ("aws:username", {"call": CALL._replace(principal_arn=f"arn:aws:iam::{ACCOUNT}:user/a/b/bob")}, "bob"),
        ("aws:username", {"call": CALL._replace(principal_arn=SESSION)}, None),
        ("aws:username", {}, None),
        ("aws:requestedregion", {}, "eu-central-1"),
        ("aws:resourceaccount", {}, ACCOUNT),
        ("aws:sourceip", {"call": CALL._replace(source_address="10.0.0.1:443")}, "10.0.0.1"),
        ("aws:sourceip", {"call": CALL._replace(source_address="[::1]:443")}, "::1"),
        ("aws:sourcevpc", {"call": CALL._replace(source_vpc="vpc-1")}, "vpc-1"),
        ("aws:sourcevpce", {}, None),
        ("aws:sourcearn", {"call": CALL._replace(source_arn="arn:x")}, "arn:x"),
        ("aws:viaawsservice", {}, False),
        ("aws:requesttag/team", {"request": {"Tags": [{"TagKey": "Team", "TagValue": "a"}]}}, "a"),
        ("aws:tagkeys", {"request": {"Tags": [{"TagKey": "Team", "TagValue": "a"}]}}, ("Team",)),
        ("aws:tagkeys", {"request": {"TagKeys": ["x"]}}, ("x",)),
        ("aws:currenttime", {"now": lambda: 5.0}, 5.0),
        ("aws:epochtime", {"now": lambda: 5.0}, 5.0),
        ("aws:nonsense", {}, None),
    ],
)
def test_a_condition_key_is_what_the_request_says(name: str, use: dict[str, Any], expected: object) -> None:
    assert value(name, **use) == expected


def test_what_no_policy_asks_for_is_not_looked_up() -> None:
    assert context_of(Use(CALL, "Encrypt", {}, ORDINARY_KEY), []) == {}


def test_a_context_condition_in_a_key_policy_decides_each_time(kms: RunningKms) -> None:
    condition = {"StringEquals": {"kms:EncryptionContext:tenant": "nile"}}
    arn = kms.create_key(
        Policy=policy(allow("PutKeyPolicy", **to(ROOT)), allow("Encrypt", **to(ALICE), Condition=condition))
    )
    alice = kms.callers.add(ALICE)
    for _ in range(2):
        assert encrypt(kms, arn, alice, tenant="nile") == ""
        assert encrypt(kms, arn, alice, tenant="volga").startswith("AccessDeniedException")
        assert encrypt(kms, arn, alice).startswith("AccessDeniedException")


def test_tags_of_principals_and_keys_let_in_whom_they_match(kms: RunningKms) -> None:
    condition = {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    arn = kms.create_key(Tags=[{"TagKey": "team", "TagValue": "red"}])
    statement = allow("Encrypt", Condition=condition)
    assert encrypt(kms, arn, kms.callers.add(ALICE, statement, team="red")) == ""
    assert encrypt(kms, arn, kms.callers.add(ALICE, statement, team="blue")) != ""
    assert encrypt(kms, arn, kms.callers.add(ALICE, statement)) != ""
    kms.call("TagResource", {"KeyId": arn, "Tags": [{"TagKey": "team", "TagValue": "blue"}]})
    assert encrypt(kms, arn, kms.callers.add(ALICE, statement, team="blue")) == ""


def test_an_alias_opens_what_is_open_to_aliases_alone(kms: RunningKms) -> None:
    arn = kms.create_key()
    kms.call("CreateAlias", {"AliasName": "alias/app", "TargetKeyId": arn})
    by_request = kms.callers.add(ALICE, allow("Encrypt", Condition={"StringEquals": {"kms:RequestAlias": "alias/app"}}))
    by_resource = kms.callers.add(
        ALICE, allow("Encrypt", Condition={"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/a*"}})
    )
    assert encrypt(kms, "alias/app", by_request) == ""
    assert encrypt(kms, arn, by_request) != ""
    assert encrypt(kms, arn, by_resource) == ""
    kms.call("DeleteAlias", {"AliasName": "alias/app"})
    assert encrypt(kms, arn, by_resource) != ""


@pytest.mark.parametrize(
    ("condition", "refused"),
    [
        (
            {"ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt", "Decrypt"]}},
            {"Operations": ["DescribeKey"]},
        ),
        ({"StringEquals": {"kms:GranteePrincipal": ALICE}}, {"GranteePrincipal": ROOT}),
        ({"StringEquals": {"kms:RetiringPrincipal": ROOT}}, {"RetiringPrincipal": ALICE}),
        ({"StringEquals": {"kms:GrantConstraintType": "EncryptionContextSubset"}}, {"Constraints": {}}),
        ({"StringEquals": {"kms:EncryptionContext:a": "1"}}, {"Constraints": {"EncryptionContextEquals": {"a": "2"}}}),
        ({"Bool": {"kms:GrantIsForAWSResource": "false"}}, None),
    ],
)
def test_what_a_grant_may_say_can_be_limited(
    kms: RunningKms, condition: dict[str, Any], refused: dict[str, object] | None
) -> None:
    arn = kms.create_key()
    caller = kms.callers.add(ALICE, allow("CreateGrant", Condition=condition))
    fitting: dict[str, Any] = {
        "GranteePrincipal": ALICE,
        "RetiringPrincipal": ROOT,
        "Operations": ["Encrypt"],
        "Constraints": {"EncryptionContextSubset": {"a": "1"}},
    }
    assert refusal(kms, "CreateGrant", arn, caller=caller, **fitting) == ""
    if refused is not None:
        assert refusal(kms, "CreateGrant", arn, caller=caller, **(fitting | refused)).startswith("AccessDenied")


def test_a_service_s_rights_are_not_a_caller_s(kms: RunningKms) -> None:
    arn = kms.create_key()
    via_s3 = {"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}
    for_aws = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    caller = kms.callers.add(ALICE, allow("Encrypt", Condition=via_s3), allow("CreateGrant", Condition=for_aws))
    assert encrypt(kms, arn, caller) != ""
    assert refusal(kms, "CreateGrant", arn, caller=caller, GranteePrincipal=ALICE, Operations=["Encrypt"]) != ""


def test_a_caller_account_condition_keeps_other_accounts_out(kms: RunningKms) -> None:
    condition = {"StringEquals": {"kms:CallerAccount": ACCOUNT}}
    everyone = allow("Encrypt", Principal="*", Condition=condition)
    arn = kms.create_key(Policy=policy(allow("*", **to(ROOT)), everyone))
    assert encrypt(kms, arn, kms.callers.add(ALICE)) == ""
    stranger = kms.callers.add(f"arn:aws:iam::{OTHER_ACCOUNT}:user/x", allow("*"))
    assert encrypt(kms, arn, stranger) != ""


def test_an_origin_condition_reserves_creation_to_external_key_stores(kms: RunningKms) -> None:
    condition = {"StringNotEquals": {"kms:KeyOrigin": "EXTERNAL_KEY_STORE"}}
    caller = kms.callers.add(ALICE, allow("*"), deny("CreateKey", Condition=condition))
    external = {"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": "cks-0123456789abcdef0", "XksKeyId": "held-key"}
    kms.call("CreateKey", external, caller=caller)
    assert "explicit deny" in refusal_of_creation(kms, caller)


def refusal_of_creation(kms: RunningKms, caller: str) -> str:
    with pytest.raises(AwsError) as caught:
        kms.call("CreateKey", {}, caller=caller)
    return str(caught.value)
