from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Hyok


def test_a_new_key_store_is_shown_with_the_path_for_aws(hyok: Hyok) -> None:
    result = hyok("keystore", "create", "main", "--region", "eu-central-1", "--region", "eu-west-1", "--output", "json")
    assert result.status == 0
    shown = json.loads(result.out)["keystore"]
    assert shown.pop("created_at").endswith("Z")
    assert shown == {
        "name": "main",
        "uri_path": "/main/kms/xks/v1",
        "regions": ["eu-central-1", "eu-west-1"],
        "state": "active",
        "quota": None,
        "predecessors": [],
    }


def test_a_key_store_can_have_the_root_path(hyok: Hyok) -> None:
    assert "URI path   /kms/xks/v1\n" in hyok("keystore", "create", "main", "--path-prefix", "").out


def test_key_stores_are_listed(hyok: Hyok) -> None:
    hyok("keystore", "create", "b")
    hyok("keystore", "create", "a")
    assert [line.split() for line in hyok("keystore", "list").out.splitlines()[1:]] == [
        ["a", "/a/kms/xks/v1", "all", "active"],
        ["b", "/b/kms/xks/v1", "all", "active"],
    ]
    listed = json.loads(hyok("keystore", "list", "--output", "json").out)
    assert [each["name"] for each in listed["keystores"]] == ["a", "b"]


def test_showing_one_that_is_not_there_is_status_1(hyok: Hyok) -> None:
    result = hyok("keystore", "show", "nope")
    assert (result.status, result.out) == (1, "")
    assert result.err == "hyok: there is no key store named 'nope'; list the key stores to see their names\n"


def shown(hyok: Hyok, *arguments: str) -> dict[str, object]:
    result = hyok("keystore", *arguments, "--output", "json")
    assert result.status == 0, result.err
    document: dict[str, object] = json.loads(result.out)["keystore"]
    return document


def test_an_update_changes_what_is_named_and_nothing_else(hyok: Hyok) -> None:
    created = shown(hyok, "create", "main", "--region", "eu-central-1", "--quota", "1800")
    assert shown(hyok, "update", "main") == created
    assert shown(hyok, "update", "main", "--quota", "900") == created | {"quota": 900}
    assert shown(hyok, "update", "main", "--no-quota") == created | {"quota": None}
    regions = ["eu-west-1", "eu-central-1"]
    updated = shown(hyok, "update", "main", *(part for region in regions for part in ("--region", region)))
    assert updated == created | {"quota": None, "regions": regions}
    assert shown(hyok, "update", "main", "--any-region") == updated | {"regions": []}
    moved = shown(hyok, "update", "main", "--path-prefix", "/elsewhere", "--yes")
    assert moved == updated | {"regions": [], "uri_path": "/elsewhere/kms/xks/v1"}
    assert shown(hyok, "show", "main") == moved


@pytest.mark.parametrize(
    ("change", "loss"),
    [
        (("--path-prefix", "/new"), "moves from /main/kms/xks/v1 to /new/kms/xks/v1"),
        (("--region", "eu-west-1"), "will refuse what AWS KMS signs in eu-central-1"),
    ],
)
def test_an_update_that_locks_aws_out_says_so_and_needs_a_yes(hyok: Hyok, change: tuple[str, str], loss: str) -> None:
    created = shown(hyok, "create", "main", "--region", "eu-central-1")
    result = hyok("keystore", "update", "main", *change)
    assert result.status == 2
    assert loss in result.err
    assert shown(hyok, "show", "main") == created
    assert shown(hyok, "update", "main", *change, "--yes") != created


def test_the_first_region_of_a_key_store_that_took_all_needs_a_yes(hyok: Hyok) -> None:
    hyok("keystore", "create", "main")
    result = hyok("keystore", "update", "main", "--region", "eu-west-1")
    assert "will refuse what AWS KMS signs in every Region but eu-west-1" in result.err
    assert shown(hyok, "show", "main")["regions"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--region", "eu-west-1", "--any-region"),
        ("--quota", "1", "--no-quota"),
        ("--quota", "0"),
        ("--quota", "many"),
    ],
)
def test_an_update_that_makes_no_sense_is_a_usage_error(hyok: Hyok, arguments: tuple[str, ...]) -> None:
    hyok("keystore", "create", "main")
    assert hyok("keystore", "update", "main", *arguments).status == 2


def test_a_path_prefix_that_another_has_cannot_be_taken(hyok: Hyok) -> None:
    hyok("keystore", "create", "a")
    hyok("keystore", "create", "b")
    result = hyok("keystore", "update", "b", "--path-prefix", "/a", "--yes")
    assert (result.status, result.err) == (1, "hyok: the path prefix '/a' belongs to key store a; choose another\n")


def test_deletion_says_what_will_happen_and_needs_a_yes(hyok: Hyok) -> None:
    hyok("keystore", "create", "main")
    hyok("key", "create", "k", "--keystore", "main")
    result = hyok("keystore", "delete", "main")
    assert result.status == 2
    assert "its offer of 1 external keys will be gone" in result.err
    assert hyok("keystore", "show", "main").status == 0


def test_one_that_offers_keys_is_deleted_only_with_them(hyok: Hyok) -> None:
    hyok("keystore", "create", "main")
    hyok("key", "create", "k", "--keystore", "main")
    assert hyok("keystore", "delete", "main", "--yes").status == 1
    assert hyok("keystore", "delete", "main", "--yes", "--with-keys") == (0, "", "Key store main is deleted.\n")
    assert hyok("key", "show", "k").status == 0


@pytest.fixture
def with_credential(hyok: Hyok) -> Hyok:
    hyok("keystore", "create", "main")
    hyok("credential", "create", "main")
    return hyok


def test_the_console_file_is_what_aws_takes_and_only_the_owners(with_credential: Hyok, tmp_path: Path) -> None:
    result = with_credential("keystore", "console-file", "main", "main.json")
    assert (result.status, result.out) == (0, "")
    file = tmp_path / "main.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = json.loads(file.read_bytes())
    assert content["XksProxyUriPath"] == "/main/kms/xks/v1"
    assert set(content["XksProxyAuthenticationCredential"]) == {"AccessKeyId", "RawSecretAccessKey"}
    assert content["XksProxyAuthenticationCredential"]["RawSecretAccessKey"] not in result.err


def test_a_console_file_is_replaced_only_by_force(with_credential: Hyok, tmp_path: Path) -> None:
    (tmp_path / "main.json").write_text("mine")
    result = with_credential("keystore", "console-file", "main", "main.json")
    assert (result.status, result.err) == (
        2,
        "hyok: main.json exists already; choose another file, or replace it with --force\n",
    )
    assert (tmp_path / "main.json").read_text() == "mine"
    assert with_credential("keystore", "console-file", "main", "main.json", "--force").status == 0
    assert stat.S_IMODE((tmp_path / "main.json").stat().st_mode) == 0o600


def test_a_console_file_needs_an_active_credential(hyok: Hyok, tmp_path: Path) -> None:
    hyok("keystore", "create", "main")
    result = hyok("keystore", "console-file", "main", "main.json")
    assert result.status == 1
    assert "no active credential" in result.err
    assert not (tmp_path / "main.json").exists()


def test_a_console_file_that_cannot_be_written_is_status_2(with_credential: Hyok) -> None:
    result = with_credential("keystore", "console-file", "main", "no/such/main.json")
    assert result == (2, "", "hyok: cannot write no/such/main.json: No such file or directory\n")


def test_what_another_proxy_wrote_is_read_when_it_is_named(hyok: Hyok) -> None:
    named = ["--predecessor", "aws-sample", "--predecessor", "aws-sample:djAuMC4x"]
    hyok("keystore", "create", "main")
    updated = shown(hyok, "update", "main", *named)
    assert updated["predecessors"] == ["aws-sample", "aws-sample:djAuMC4x"]
    assert "Reads also  aws-sample:djAuMC4x" in hyok("keystore", "show", "main").out
    assert shown(hyok, "update", "main", "--no-predecessor", "--yes")["predecessors"] == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("vault", "no proxy is known as 'vault'; known are aws-sample and raw-aad"),
        ("raw-aad:x", "the ciphertext metadata after raw-aad: is not Base64"),
        ("raw-aad:" + "AAAA" * 7, "ciphertext metadata has at most 20 bytes; this one has 21"),
        ("raw-aad:AQAAAAE=", "hyok writes ciphertext metadata of this form itself"),
    ],
)
def test_a_proxy_that_cannot_be_told_apart_is_refused(hyok: Hyok, given: str, message: str) -> None:
    created = hyok("keystore", "create", "main", "--predecessor", given)
    assert created.status == 2
    assert message in " ".join(created.err.split())
