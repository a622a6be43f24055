"""What the policies of a key store do to its requests, and what the records tell of it."""

from __future__ import annotations

from typing import Any

import pytest

from hyok.policy.decision import Outcome
from hyok.proxy.authorization.key_store_policies import KeyStorePolicies
from hyok.proxy.authorization.policy_set import compile_set
from tests.unit.proxy.authorization.written import place, policies
from tests.unit.proxy.stage import (
    KEY,
    ROTATED_KEY,
    Stage,
    decrypt_request,
    encrypt_request,
    error_of,
    health_request,
    metadata,
    metadata_request,
)

DENIED = (403, "AccessDeniedException")
ALLOW = {"Sid": "Everybody"}
DENY_DECRYPT = {"Sid": "NoDecrypt", "Effect": "Deny", "Action": "kms:Decrypt"}
ONLY_BOB = {"Sid": "Bob", "Principal": {"AWS": "arn:aws:iam::123456789012:user/Bob"}}
BOB = metadata(awsPrincipalArn="arn:aws:iam::123456789012:user/Bob")


def decided(record: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(record.get(name) for name in ("decision", "policy", "statement"))


def test_without_a_policy_nothing_is_decided(stage: Stage) -> None:
    stage.encrypt()
    assert decided(stage.records()[-1]) == (None, None, None)


def test_an_allowed_request_is_answered_and_its_record_names_the_statement(stage: Stage) -> None:
    stage.change_key_store("alpha", policies=policies(ALLOW))
    stage.encrypt()
    assert decided(stage.records()[-1]) == ("allowed", "p", "Everybody")


def test_a_deny_goes_before_every_allow(stage: Stage) -> None:
    encrypted = stage.encrypt()
    stage.change_key_store("alpha", policies=policies(ALLOW, DENY_DECRYPT))
    assert error_of(stage.ask(decrypt_request(encrypted))) == DENIED
    record = stage.records()[-1]
    assert decided(record) == ("denied", "p", "NoDecrypt")
    assert record["error"] == "AccessDeniedException"
    assert record["detail"] == "denied by 'NoDecrypt' of policy p"
    assert record["status"] == 403


def test_what_no_statement_allows_is_refused(stage: Stage) -> None:
    stage.change_key_store("alpha", policies=policies(ONLY_BOB))
    assert error_of(stage.ask(encrypt_request())) == DENIED
    assert decided(stage.records()[-1]) == ("not allowed", None, None)
    assert stage.ask(encrypt_request(requestMetadata=BOB)).status == 200


def test_the_caller_is_not_told_which_policy_refuses(stage: Stage) -> None:
    stage.change_key_store("alpha", policies=policies(ALLOW, DENY_DECRYPT | {"Action": "kms:Encrypt"}))
    body = stage.ask(encrypt_request()).body
    assert b"NoDecrypt" not in body
    assert b"secondary authorization refuses" in body


def test_metadata_of_a_key_is_authorized_too(stage: Stage) -> None:
    stage.change_key_store("alpha", policies=policies(ALLOW, {"Effect": "Deny", "Action": "kms:CreateKey"}))
    assert error_of(stage.ask(metadata_request())) == DENIED


def test_health_is_exempt(stage: Stage) -> None:
    stage.change_key_store("alpha", policies=policies({"Effect": "Deny"}))
    assert stage.ask_on_loop(health_request()).status == 200


def test_a_key_that_is_not_there_is_not_found_whatever_policies_say(stage: Stage) -> None:
    stage.change_key_store("alpha", policies=policies({"Effect": "Deny"}))
    assert error_of(stage.ask(encrypt_request(key_id="missing"))) == (404, "KeyNotFoundException")


def test_another_key_store_is_not_concerned(stage: Stage) -> None:
    from tests.unit.proxy.stage import BETA_KEY, BETA_SIGNER

    stage.change_key_store("alpha", policies=policies({"Effect": "Deny"}))
    request = encrypt_request(key_store="beta", key_id=BETA_KEY, signer=BETA_SIGNER)
    assert stage.ask(request).status == 200


def test_a_policy_of_one_key_concerns_that_key(stage: Stage) -> None:
    stage.change_key_store("alpha", policies=policies(of_keys={KEY: [ONLY_BOB]}))
    assert error_of(stage.ask(encrypt_request())) == DENIED
    assert stage.ask(encrypt_request(key_id=ROTATED_KEY)).status == 200
    assert decided(stage.records()[-1]) == (None, None, None)


def test_a_key_is_used_only_by_whom_its_policy_and_that_of_its_key_store_allow(stage: Stage) -> None:
    stage.change_key_store("alpha", policies=policies(ONLY_BOB, of_keys={KEY: [ALLOW]}))
    assert error_of(stage.ask(encrypt_request())) == DENIED
    stage.change_key_store("alpha", policies=policies(ALLOW, of_keys={KEY: [ONLY_BOB]}))
    assert error_of(stage.ask(encrypt_request())) == DENIED
    assert stage.ask(encrypt_request(requestMetadata=BOB)).status == 200
    assert decided(stage.records()[-1]) == ("allowed", "p", "Bob"), "the inner place's statement is named"


def test_a_deny_of_the_inner_place_is_named_before_what_the_outer_does_not_allow(stage: Stage) -> None:
    deny = {"Sid": "Nobody", "Effect": "Deny"}
    stage.change_key_store("alpha", policies=policies(ONLY_BOB, of_keys={KEY: [ALLOW, deny]}))
    assert error_of(stage.ask(encrypt_request())) == DENIED
    assert decided(stage.records()[-1]) == ("denied", "p", "Nobody")


def test_shadow_mode_records_and_refuses_nothing(stage: Stage) -> None:
    stage.change_key_store("alpha", policies=policies(shadow=[ONLY_BOB]))
    stage.encrypt()
    record = stage.records()[-1]
    assert decided(record) == (None, None, None)
    assert record["shadow_decision"] == "not allowed"
    assert record["flags"] == ["shadow-denial"]
    stage.encrypt(requestMetadata=BOB)
    record = stage.records()[-1]
    assert (record["shadow_decision"], record["shadow_statement"]) == ("allowed", "Bob")
    assert "flags" not in record


def test_shadow_mode_is_tried_in_the_place_of_the_policy_of_its_name(stage: Stage) -> None:
    stage.change_key_store("alpha", policies=policies(ONLY_BOB, shadow=[ALLOW]))
    assert error_of(stage.ask(encrypt_request())) == DENIED
    record = stage.records()[-1]
    assert (record["shadow_decision"], record["flags"]) == ("allowed", ["shadow-allowance"])


def test_shadow_mode_is_tried_beside_the_policies_of_other_names_and_places(stage: Stage) -> None:
    tried = compile_set({}, {"q": place_policy(ONLY_BOB)})
    of_store = place([ALLOW])
    assert tried is not None
    stage.change_key_store("alpha", policies=KeyStorePolicies("alpha", of_store=of_store, of_keys={KEY: tried}))
    stage.encrypt()
    record = stage.records()[-1]
    assert decided(record) == ("allowed", "p", "Everybody")
    assert record["shadow_decision"] == "not allowed"


def place_policy(*statements: dict[str, Any]) -> Any:
    from tests.unit.proxy.authorization.written import policy

    return policy(*statements)


@pytest.mark.parametrize("key_id", [KEY, ROTATED_KEY])
def test_a_policy_that_cannot_be_read_allows_nothing_at_its_place(stage: Stage, key_id: str) -> None:
    broken = compile_set({"p": place_policy(ALLOW)}, {}, unreadable="key/old")
    assert broken is not None
    stage.change_key_store("alpha", policies=KeyStorePolicies("alpha", of_keys={KEY: broken}))
    response = stage.ask(encrypt_request(key_id=key_id))
    assert (response.status == 200) is (key_id != KEY)
    if key_id == KEY:
        assert decided(stage.records()[-1]) == ("denied", "key/old", "policy cannot be read")


def test_memory_is_bounded_and_decides_the_same(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from hyok.proxy.authorization import key_store_policies
    from hyok.xks.messages import RequestMetadata

    monkeypatch.setattr(key_store_policies, "MAX_VERDICTS", 5)
    decide = policies(ONLY_BOB)
    for number in range(40):
        arn = f"arn:aws:iam::123456789012:user/{'Bob' if number % 3 == 0 else number % 7}"
        asked = RequestMetadata("Encrypt", "1", arn, "arn:aws:kms:x:1:key/1")
        verdict = decide.decide(asked, KEY, "Encrypt", peer="::1", now=0.0, read_extra_metadata=dict)
        assert verdict is not None
        assert verdict.enforced is not None
        assert (verdict.enforced.outcome is Outcome.ALLOWED) is (number % 3 == 0)
        assert len(decide._verdicts) <= 5
