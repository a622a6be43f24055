from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from hyok.custody.file_root import create_file_root
from tests.unit.cli.conftest import Hyok
from tests.unit.cli.test_config import KMS

ALICE = "arn:aws:iam::123456789012:user/alice"


@pytest.fixture
def kms(hyok: Hyok, tmp_path: Path) -> Hyok:
    (tmp_path / "hyok.toml").write_text(KMS)
    create_file_root(tmp_path / "kms.key")
    return hyok


def create(kms: Hyok, *arguments: str) -> dict[str, Any]:
    result = kms("principal", "create", *arguments, "--output", "json")
    assert result.status == 0, result.err
    principal: dict[str, Any] = json.loads(result.out)["principal"]
    return principal


def test_a_new_principal_s_secret_is_shown_once(kms: Hyok) -> None:
    principal = create(kms, "alice", "--full-access", "--tag", "team=red")
    assert principal["arn"] == ALICE
    assert principal["policies"] == ["full-access"]
    assert principal["tags"] == {"team": "red"}
    listed = kms("principal", "list")
    assert f"{ALICE}  {principal['access_key_id']}  full-access" in listed.out
    assert principal["secret_access_key"] not in listed.out


def test_the_secret_goes_to_a_file_instead(kms: Hyok, tmp_path: Path) -> None:
    result = kms("principal", "create", "alice", "--secret-file", "secret", "--output", "json")
    file = tmp_path / "secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    secret = file.read_text().strip()
    assert len(secret) == 40
    assert secret not in result.out + result.err
    assert kms("principal", "create", "bob", "--secret-file", "secret").status == 2
    assert "bob" not in kms("principal", "list").out


def test_a_secret_replaces_no_file(kms: Hyok, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    result = kms("principal", "create", "alice", "--secret-file", "there")
    assert (result.status, result.err) == (2, "hyok: there exists already; choose another file\n")
    assert (tmp_path / "there").read_text() == "mine"
    assert "alice" not in kms("principal", "list").out


def test_a_tag_that_is_given_twice_is_refused(kms: Hyok) -> None:
    result = kms("principal", "create", "alice", "--tag", "team=red", "--tag", "team=blue")
    assert result.status == 2
    assert "--tag gives team twice" in result.err


def test_policies_come_from_files_and_are_named_after_them(kms: Hyok, tmp_path: Path) -> None:
    statement = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}
    (tmp_path / "decrypt-only.json").write_text(json.dumps({"Statement": [statement]}))
    assert create(kms, "alice", "--policy", "decrypt-only.json")["policies"] == ["decrypt-only"]
    (tmp_path / "wrong.json").write_text('{"Statement": [{"Effect": "Allow"}]}')
    refused = kms("principal", "create", "bob", "--policy", "wrong.json")
    assert refused.status == 1
    assert "identity policy 'wrong' cannot be read: line 1, column" in refused.err
    assert kms("principal", "create", "bob", "--policy", "absent.json").err == (
        "hyok: cannot read absent.json: No such file or directory\n"
    )


def test_people_are_told_what_a_principal_without_policies_can_do(kms: Hyok) -> None:
    assert "Identity policies  none: only key policies and grants" in kms("principal", "create", "alice").out


def test_a_deleted_principal_is_gone(kms: Hyok) -> None:
    create(kms, "alice")
    assert kms("principal", "delete", "alice").status == 2, "asked first"
    assert kms("principal", "delete", "alice", "--yes").err == f"Principal {ALICE} is deleted.\n"
    assert kms("principal", "delete", ALICE, "--yes").status == 1
    assert kms("principal", "list").err == "No principals; make one with `hyok principal create NAME`.\n"
    assert json.loads(kms("principal", "list", "--output", "json").out) == {"principals": []}


def test_a_tag_that_is_none_is_a_usage_error(kms: Hyok) -> None:
    result = kms("principal", "create", "alice", "--tag", "team")
    assert result.status == 2
    assert "write KEY=VALUE" in result.err


def test_it_needs_the_kms_s_section(hyok: Hyok) -> None:
    assert "[kms] is missing" in hyok("principal", "list").err
