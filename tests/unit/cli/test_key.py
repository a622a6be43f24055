from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from hyok.proxy.authorization.first_use import bind_first_use
from hyok.storage.engine import open_storage
from hyok.storage.schema import Side
from tests.unit.cli.conftest import HOLDER, Hyok


@pytest.fixture
def keys(hyok: Hyok) -> Hyok:
    """A key store `main` that offers the key `payroll`."""
    assert hyok("keystore", "create", "main").status == 0
    assert hyok("key", "create", "payroll", "--keystore", "main").status == 0
    return hyok


def test_a_new_key_is_shown_with_its_place(hyok: Hyok) -> None:
    hyok("keystore", "create", "main")
    result = hyok("key", "create", "payroll", "--keystore", "main", "--as", "payroll-eu", "--output", "json")
    assert result.status == 0
    key = json.loads(result.out)["key"]
    assert key.pop("created_at").endswith("Z")
    assert key == {
        "key_id": "payroll",
        "key_manager": "software",
        "state": "enabled",
        "active_version": 1,
        "version_count": 1,
        "usages": ["ENCRYPT", "DECRYPT"],
        "deletion_at": None,
        "external_keys": [
            {
                "keystore": "main",
                "external_key_id": "payroll-eu",
                "copies": [{"key_manager": "software", "manager_key_id": "payroll"}],
                "binds_first_use": False,
                "bound_to": None,
            }
        ],
    }


@pytest.mark.parametrize(
    ("usage", "usages"), [("encrypt", ["ENCRYPT"]), ("decrypt", ["DECRYPT"]), ("both", ["ENCRYPT", "DECRYPT"])]
)
def test_a_key_has_the_usages_it_is_made_for(hyok: Hyok, usage: str, usages: list[str]) -> None:
    result = hyok("key", "create", "payroll", "--usage", usage, "--output", "json")
    assert json.loads(result.out)["key"]["usages"] == usages


def test_no_key_is_made_for_a_key_store_that_is_not_there(hyok: Hyok) -> None:
    result = hyok("key", "create", "payroll", "--keystore", "nope")
    assert (result.status, result.out) == (1, "")
    assert "there is no key store named 'nope'" in result.err
    assert json.loads(hyok("key", "list", "--output", "json").out) == {"keys": []}


def test_a_key_id_is_used_once(keys: Hyok) -> None:
    result = keys("key", "create", "payroll")
    assert result.status == 1
    assert result.err.startswith("hyok: key payroll exists already")


def test_a_name_in_no_key_store_is_wrong_usage(hyok: Hyok) -> None:
    result = hyok("key", "create", "payroll", "--as", "x")
    assert result.status == 2
    assert result.err.startswith("hyok: --as is how a key store calls the key; name the key store with --keystore")


def test_a_key_is_added_to_a_second_key_store(keys: Hyok) -> None:
    keys("keystore", "create", "other")
    assert "Offered as      main/payroll other/payroll\n" in keys("key", "add", "payroll", "--keystore", "other").out


def test_a_key_that_the_manager_does_not_have_is_not_added(keys: Hyok) -> None:
    assert keys("key", "add", "typo", "--keystore", "main").status == 1
    assert keys("key", "list", "--keystore", "main").out.count("\n") == 2


def test_the_list_has_one_whole_line_for_each_key(keys: Hyok) -> None:
    long = "k" * 128
    keys("key", "create", long, "--keystore", "main")
    lines = keys("key", "list").out.splitlines()
    assert lines[0].split() == ["KEY", "KEY", "MANAGER", "STATE", "VERSION", "OFFERED", "AS"]
    assert [line.split() for line in lines[1:]] == [
        [long, "software", "enabled", "1", f"main/{long}"],
        ["payroll", "software", "enabled", "1", "main/payroll"],
    ]


def test_an_empty_list_leaves_standard_output_empty(hyok: Hyok) -> None:
    assert hyok("key", "list") == (0, "", "No keys; make one with `hyok key create`.\n")


def test_the_list_of_a_key_store_has_only_what_it_offers(keys: Hyok) -> None:
    keys("key", "create", "apart")
    listed = json.loads(keys("key", "list", "--keystore", "main", "--output", "json").out)["keys"]
    assert [key["key_id"] for key in listed] == ["payroll"]


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (("--keystore", "nope"), "there is no key store named 'nope'"),
        (("--key-manager", "hsm"), "no key manager 'hsm' whose keys hyok can change; there are: software"),
    ],
)
def test_a_filter_that_names_nothing_is_an_error(hyok: Hyok, option: tuple[str, ...], sentence: str) -> None:
    result = hyok("key", "list", *option)
    assert result.status in (1, 2)
    assert sentence in result.err


def test_rotation_adds_a_version(keys: Hyok) -> None:
    assert "Active version  2 of 2\n" in keys("key", "rotate", "payroll").out


def test_a_disabled_key_is_enabled_again(keys: Hyok) -> None:
    assert "State           disabled\n" in keys("key", "disable", "payroll", "--yes").out
    assert "State           disabled\n" in keys("key", "show", "payroll").out
    assert "State           enabled\n" in keys("key", "enable", "payroll").out


def test_disabling_says_what_will_happen_and_needs_a_yes(keys: Hyok) -> None:
    result = keys("key", "disable", "payroll")
    assert result.status == 2
    assert result.err == (
        "hyok: Key payroll (offered as main/payroll) will encrypt and decrypt nothing until it is enabled again: what "
        "AWS KMS protects with it cannot be read meanwhile; to do it without being asked, add --yes\n"
    )
    assert "State           enabled\n" in keys("key", "show", "payroll").out


@pytest.mark.parametrize("command", ["show", "enable", "disable", "rotate", "delete", "cancel-deletion"])
def test_a_key_that_is_not_there_is_named(hyok: Hyok, command: str) -> None:
    result = hyok("key", command, "nope")
    assert (result.status, result.out) == (1, "")
    assert "'nope'" in result.err


def test_a_wrong_root_key_is_refused_and_touches_nothing(keys: Hyok, tmp_path: Path) -> None:
    (tmp_path / "root.key").rename(tmp_path / "old.key")
    from hyok.custody.file_root import create_file_root

    create_file_root(tmp_path / "root.key")
    before = (tmp_path / "hyok.db").read_bytes()
    result = keys("key", "create", "more")
    assert result.status == 2
    assert "nothing was changed" in result.err
    assert (tmp_path / "hyok.db").read_bytes() == before


def test_a_configuration_without_the_holders_side_says_what_to_add(hyok: Hyok, tmp_path: Path) -> None:
    (tmp_path / "hyok.toml").write_text(HOLDER.partition("[key_managers")[0])
    result = hyok("key", "list")
    assert result.status == 2
    assert "[key_managers.software] is missing" in result.err


def test_a_copy_is_named_by_its_manager_and_must_be_there(hyok: Hyok) -> None:
    hyok("keystore", "create", "main")
    hyok("key", "create", "payroll")
    hyok("key", "create", "stand-in")
    add = ("key", "add", "payroll", "--keystore", "main")
    assert "names no copy; write MANAGER:KEY_ID" in hyok(*add, "--copy", "stand-in").err
    assert hyok(*add, "--copy", "software:missing").status == 1
    assert "has a copy at software:payroll already" in hyok(*add, "--copy", "software:payroll").err
    assert hyok(*add, "--copy", "software:stand-in").status == 0
    shown = hyok("key", "show", "payroll")
    assert "payroll: software:payroll, then software:stand-in" in shown.out
    assert "main/payroll" in hyok("key", "show", "stand-in").out


def test_a_copy_is_added_behind_those_there_are(hyok: Hyok) -> None:
    hyok("keystore", "create", "main")
    for key_id in ("payroll", "second", "third"):
        hyok("key", "create", key_id)
    hyok("key", "add", "payroll", "--keystore", "main", "--as", "pay", "--copy", "software:second")
    added = hyok("key", "add-copy", "pay", "software:third", "--keystore", "main", "--output", "json")
    (offer,) = json.loads(added.out)["key"]["external_keys"]
    assert [copy["manager_key_id"] for copy in offer["copies"]] == ["payroll", "second", "third"]


def test_a_key_is_bound_at_its_first_use_until_that_is_undone(keys: Hyok, tmp_path: Path) -> None:
    added = keys("key", "add", "payroll", "--keystore", "main", "--as", "eu", "--bind-first-use", "--output", "json")
    offered = json.loads(added.out)["key"]["external_keys"]
    assert [(key["external_key_id"], key["binds_first_use"], key["bound_to"]) for key in offered] == [
        ("eu", True, None),
        ("payroll", False, None),
    ]
    assert "Bound to        eu: the KMS key that uses it first" in keys("key", "show", "payroll").out
    url = f"sqlite:///{tmp_path / 'hyok.db'}"
    with closing(open_storage(url, Side.HOLDER)) as storage, storage.transaction() as connection:
        bind_first_use(connection, "main", "eu", "arn:aws:kms:x:1:key/1", now=1.0)
    assert "eu: arn:aws:kms:x:1:key/1" in keys("key", "show", "payroll").out
    asked = keys("key", "bind", "eu", "--keystore", "main")
    assert (asked.status, "is bound to arn:aws:kms:x:1:key/1" in asked.err) == (2, True)
    assert keys("key", "bind", "eu", "--keystore", "main", "--yes").status == 0
    assert "eu: the KMS key that uses it first" in keys("key", "show", "payroll").out
    assert keys("key", "unbind", "eu", "--keystore", "main").status == 2, "asked first"
    assert keys("key", "unbind", "eu", "--keystore", "main", "--yes").status == 0
    assert "Bound to" not in keys("key", "show", "payroll").out
    assert keys("key", "bind", "payroll", "--keystore", "main").status == 0, "nothing is lost: not asked"
