from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Hyok
from tests.unit.proxy.authorization.written import document

POLICY = document({"Sid": "Bob", "Principal": {"AWS": "arn:aws:iam::111122223333:user/Bob"}})


@pytest.fixture
def main(hyok: Hyok, tmp_path: Path) -> Hyok:
    """A key store `main` that offers the key `payroll`, and a policy in a file."""
    (tmp_path / "policy.json").write_text(POLICY)
    assert hyok("keystore", "create", "main").status == 0
    assert hyok("key", "create", "payroll", "--keystore", "main").status == 0
    return hyok


def listed(main: Hyok) -> list[tuple[str, str | None, str, str]]:
    policies = json.loads(main("policy", "show", "--output", "json").out)["policies"]
    return [(each["keystore"], each["external_key_id"], each["name"], each["mode"]) for each in policies]


def test_a_policy_is_set_shown_and_removed(main: Hyok) -> None:
    set_ = main("policy", "set", "policy.json", "--keystore", "main", "--yes", "--output", "json")
    assert set_.status == 0
    (policy,) = json.loads(set_.out)["policies"]
    assert policy.pop("set_at").endswith("Z")
    assert policy == {
        "keystore": "main",
        "external_key_id": None,
        "name": "default",
        "mode": "enforced",
        "label": "keystore/default",
        "document": POLICY,
    }
    assert "main       all           default  enforced" in main("policy", "show", "--keystore", "main").out
    removed = main("policy", "remove", "--keystore", "main", "--yes")
    assert (removed.status, removed.err) == (0, "Policy default of key store main is removed.\n")
    assert main("policy", "show").err.startswith("No policies: nothing but AWS decides")


def test_the_first_policy_in_force_and_the_last_to_go_are_asked_about(main: Hyok) -> None:
    asked = main("policy", "set", "policy.json", "--keystore", "main", "--key", "payroll")
    assert asked.status == 2
    assert "whatever this policy does not allow is refused to AWS KMS for external key payroll" in asked.err
    assert listed(main) == []
    assert main("policy", "set", "policy.json", "--keystore", "main", "--key", "payroll", "--yes").status == 0
    again = main("policy", "set", "policy.json", "--keystore", "main", "--key", "payroll", "--name", "more")
    assert again.status == 0, "a further policy can only allow more"
    assert main("policy", "remove", "--keystore", "main", "--key", "payroll", "--name", "more").status == 0
    last = main("policy", "remove", "--keystore", "main", "--key", "payroll")
    assert (last.status, "No policy is left in force" in last.err) == (2, True)


def test_shadow_mode_needs_no_question(main: Hyok) -> None:
    assert main("policy", "set", "policy.json", "--keystore", "main", "--shadow").status == 0
    assert listed(main) == [("main", None, "default", "shadow")]
    assert main("policy", "remove", "--keystore", "main", "--shadow").status == 0
    assert listed(main) == []


def test_what_is_not_there_is_said(main: Hyok) -> None:
    assert main("policy", "set", "absent.json", "--keystore", "main", "--yes").err == (
        "hyok: cannot read absent.json: No such file or directory\n"
    )
    assert "no key store named 'nope'" in main("policy", "set", "policy.json", "--keystore", "nope", "--shadow").err
    assert "has no policy 'default'" in main("policy", "remove", "--keystore", "main", "--yes").err


def test_check_tells_line_and_suggestion(hyok: Hyok, tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(POLICY)
    (tmp_path / "bad.json").write_text(json.dumps(json.loads(POLICY), indent=2).replace("kms:*", "kms:Decrpt"))
    assert hyok("policy", "check", "good.json").out == "good.json: a policy of 1 statement\n"
    found = hyok("policy", "check", "good.json", "bad.json")
    assert found.status == 1
    assert found.out.splitlines()[1] == (
        'bad.json: line 9, column 17: "kms:Decrpt" is no action of a proxy policy; did you mean "kms:Decrypt"?'
    )
    reported = hyok("policy", "check", "bad.json", "--output", "json")
    assert reported.status == 1
    assert json.loads(reported.out)["policies"][0] | {"problem": ""} == {
        "file": "bad.json",
        "is_valid": False,
        "statements": None,
        "line": 9,
        "column": 17,
        "problem": "",
    }
