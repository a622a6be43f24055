from __future__ import annotations

import pytest

from hyok.policy.callers import Caller, account_of, principal_arn_of, read_caller, without_role_path

ROOT = "arn:aws:iam::1:root"


@pytest.mark.parametrize(
    ("principal", "caller"),
    [
        ("arn:aws:iam::1:user/a", Caller("arn:aws:iam::1:user/a", "", "1", ROOT)),
        ("arn:aws:iam::1:user/p/a", Caller("arn:aws:iam::1:user/p/a", "", "1", ROOT)),
        ("arn:aws:iam::1:role/p/q/a", Caller("arn:aws:iam::1:role/a", "", "1", ROOT)),
        (
            "arn:aws:sts::1:assumed-role/a/s",
            Caller("arn:aws:sts::1:assumed-role/a/s", "arn:aws:iam::1:role/a", "1", ROOT),
        ),
        ("arn:aws:sts::1:federated-user/a", Caller("arn:aws:sts::1:federated-user/a", "", "1", ROOT)),
        ("arn:aws-cn:iam::1:root", Caller("arn:aws-cn:iam::1:root", "", "1", "arn:aws-cn:iam::1:root")),
        ("ebs.amazonaws.com", Caller("ebs.amazonaws.com", "", "", "")),
        ("AWS Internal", Caller("AWS Internal", "", "", "")),
        ("", Caller("", "", "", "")),
        ("arn:aws:iam::1", Caller("arn:aws:iam::1", "", "", "")),
    ],
)
def test_a_principal_is_taken_apart(principal: str, caller: Caller) -> None:
    assert read_caller(principal) == caller


def test_only_the_root_user_is_the_account() -> None:
    assert read_caller(ROOT).is_root
    assert not read_caller("arn:aws:iam::1:user/root").is_root
    assert not read_caller("").is_root


def test_the_condition_keys_of_a_session_are_those_of_its_role() -> None:
    assert principal_arn_of("arn:aws:sts::1:assumed-role/a/s") == "arn:aws:iam::1:role/a"
    assert principal_arn_of("arn:aws:iam::1:role/p/a") == "arn:aws:iam::1:role/p/a"
    assert principal_arn_of("ebs.amazonaws.com") == "ebs.amazonaws.com"
    assert account_of("arn:aws:sts::1:assumed-role/a/s") == "1"
    assert account_of("ebs.amazonaws.com") == ""


def test_only_a_role_loses_its_path() -> None:
    assert without_role_path("arn:aws:iam::1:role/p/a") == "arn:aws:iam::1:role/a"
    assert without_role_path("arn:aws:iam::1:user/p/a") == "arn:aws:iam::1:user/p/a"
    assert without_role_path("arn:aws:iam::1:role/a") == "arn:aws:iam::1:role/a"
