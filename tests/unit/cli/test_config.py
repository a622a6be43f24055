from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.cli.conftest import HOLDER, Hyok

KMS = """
[kms]
account = "123456789012"
region = "eu-central-1"
[kms.storage]
url = "sqlite:///kms.db"
[kms.root_key]
source = "file:kms.key"
"""


def test_show_prints_each_value_and_its_origin(hyok: Hyok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYOK__AUDIT__DIRECTORY", "/audit")
    shown = [line.split() for line in hyok("config", "show").out.splitlines()]
    assert [line for line in shown if line[-1] != "default"] == [
        ["SETTING", "VALUE", "FROM"],
        ["storage.url", f"sqlite:///{tmp_path}/hyok.db", f"{tmp_path}/hyok.toml"],
        ["root_key.source", f"file:{tmp_path}/root.key", f"{tmp_path}/hyok.toml"],
        ["key_managers.software.kind", "embedded", f"{tmp_path}/hyok.toml"],
        ["audit.directory", "/audit", "HYOK__AUDIT__DIRECTORY"],
    ]


def test_show_has_a_document(hyok: Hyok, tmp_path: Path) -> None:
    document = json.loads(hyok("config", "show", "--output", "json").out)
    assert document["file"] == f"{tmp_path}/hyok.toml"
    assert next(each for each in document["settings"] if each["setting"] == "audit.segment_hours") == {
        "setting": "audit.segment_hours",
        "value": 24,
        "origin": {"kind": "default", "name": ""},
    }


def test_show_never_shows_what_a_reference_leads_to(hyok: Hyok, tmp_path: Path) -> None:
    root = (tmp_path / "root.key").read_text().split()[1]
    for command in ("show", "check"):
        result = hyok("config", command)
        assert result.status == 0
        assert root not in result.out + result.err


def test_check_says_what_is_made_at_the_first_start_and_makes_nothing(hyok: Hyok, tmp_path: Path) -> None:
    result = hyok("config", "check")
    assert result.status == 0
    assert f"{tmp_path}/hyok.db is made at the first start" in result.out
    assert not (tmp_path / "hyok.db").exists()


def test_check_opens_the_storage_with_the_root_key(hyok: Hyok) -> None:
    hyok("keystore", "create", "main")
    assert "opens with its root key" in hyok("config", "check").out


def test_check_finds_a_storage_of_another_root_key(hyok: Hyok, tmp_path: Path) -> None:
    from hyok.custody.file_root import create_file_root

    hyok("keystore", "create", "main")
    (tmp_path / "root.key").unlink()
    create_file_root(tmp_path / "root.key")
    result = hyok("config", "check", "--output", "json")
    assert result.status == 2
    assert [check["outcome"] for check in json.loads(result.out)["checks"]] == ["ok", "ok", "failed"]
    assert "is kept under root key" in result.err


def test_check_finds_what_is_missing(hyok: Hyok, tmp_path: Path) -> None:
    (tmp_path / "root.key").unlink()
    result = hyok("config", "check")
    assert result.status == 2
    assert result.err == (
        f"hyok: 1 of 2 checks failed; root_key.source: file:{tmp_path}/root.key: cannot read {tmp_path}/root.key: No "
        "such file or directory\n"
    )


def test_check_finds_a_root_key_that_was_copied_across_the_trust_line(hyok: Hyok, tmp_path: Path) -> None:
    (tmp_path / "hyok.toml").write_text(HOLDER + KMS)
    (tmp_path / "kms.key").write_bytes((tmp_path / "root.key").read_bytes())
    os.chmod(tmp_path / "kms.key", 0o600)
    result = hyok("config", "check")
    assert result.status == 2
    assert "kms.root_key.source: is the same key as root_key.source" in result.err


def test_check_finds_a_secret_that_everybody_can_read(hyok: Hyok, tmp_path: Path) -> None:
    os.chmod(tmp_path / "root.key", 0o644)
    result = hyok("config", "check")
    assert result.status == 2
    assert "has mode 0644, so that everybody may use it; run chmod 600" in result.err


@pytest.fixture
def start(hyok: Hyok, tmp_path: Path) -> Path:
    """A start of both sides; its holder's configuration."""
    assert hyok("init", "holder", "--with-kms", "kms").status == 0
    return tmp_path / "holder" / "hyok.toml"


def test_check_tries_the_certificates_of_both_sides(hyok: Hyok, start: Path) -> None:
    holder = hyok("config", "check", "--config", str(start))
    assert "proxy.certificate  ok       can be served with" in holder.out
    kms = hyok("config", "check", "--config", str(start.parents[1] / "kms/hyok.toml"))
    assert "kms.xks_authorities  ok       can be trusted" in kms.out


@pytest.mark.parametrize(
    ("side", "edit", "found"),
    [
        ("kms/kms.db", 'UPDATE principals SET tags = \'{"team": "red"}\'', "the sealed value in table principals"),
        ("kms/kms.db", "UPDATE principals SET tags = '{'", "the table principals holds a value that hyok never wrote"),
        ("holder/hyok.db", "UPDATE embedded_keys SET state = 'disabled'", "the sealed value in table embedded_key_ver"),
    ],
    ids=["KMS", "KMS, unreadable", "holder"],
)
def test_check_finds_a_row_that_somebody_else_edited(hyok: Hyok, start: Path, side: str, edit: str, found: str) -> None:
    directory = start.parents[1]
    configuration = str((directory / side).with_name("hyok.toml"))
    assert "all that is sealed in it opens" in hyok("config", "check", "--config", configuration).out
    with closing(sqlite3.connect(directory / side)) as database, database:
        database.execute(edit)
    result = hyok("config", "check", "--config", configuration)
    assert result.status == 2
    assert f"1 of the values that are sealed in it do not open; the first: {found}" in result.err


def test_check_finds_a_key_of_another_certificate(hyok: Hyok, start: Path) -> None:
    hyok("init", "other")
    (start.parents[1] / "other/tls/server.key").replace(start.parent / "tls/server.key")
    result = hyok("config", "check", "--config", str(start))
    assert result.status == 2
    assert "server.key does not belong to the certificate" in result.err


def test_check_finds_authorities_that_are_none(hyok: Hyok, start: Path) -> None:
    (start.parents[1] / "kms/xks-ca.pem").write_text("nonsense")
    result = hyok("config", "check", "--config", str(start.parents[1] / "kms/hyok.toml"))
    assert result.status == 2
    assert "holds no PEM certificate" in result.err


def test_check_finds_mutual_tls_authorities_that_are_none(
    hyok: Hyok, start: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYOK__PROXY__CLIENT_CERTIFICATES__AUTHORITIES", "file:hyok.toml")
    monkeypatch.setenv("HYOK__PROXY__CLIENT_CERTIFICATES__SUBJECTS", '["cks.kms.eu-central-1.amazonaws.com"]')
    result = hyok("config", "check", "--config", str(start))
    assert result.status == 2
    assert "hyok.toml holds no PEM certificate" in result.err


def test_a_typo_is_one_sentence_with_its_path(hyok: Hyok, tmp_path: Path) -> None:
    (tmp_path / "hyok.toml").write_text(HOLDER.replace("source", "sorce"))
    assert hyok("config", "check") == (
        2,
        "",
        f"hyok: {tmp_path}/hyok.toml: root_key.sorce is not a setting (did you mean source?); [root_key] can hold "
        "source\n",
    )
