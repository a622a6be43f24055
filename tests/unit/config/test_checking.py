from __future__ import annotations

import os
from pathlib import Path

import pytest

from hyok.config.checking import Finding, Outcome, check_places
from tests.unit.config.files import HOLDER, KMS, load


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory that has everything HOLDER names, but no storage yet."""
    (tmp_path / "tls").mkdir()
    for name in ("root.key", "kms-root.key", "tls/server.pem", "tls/server.key"):
        (tmp_path / name).write_text(name)
        os.chmod(tmp_path / name, 0o600)
    return tmp_path


def check(place: Path, text: str = HOLDER, **environment: str) -> dict[str, Finding]:
    audit = {"HYOK__AUDIT__DIRECTORY": str(place / "audit")}
    configuration = load(place, text, audit | environment)
    return {finding.setting: finding for finding in check_places(configuration, environment)}


def test_what_is_there_is_in_order(place: Path) -> None:
    findings = check(place)
    assert {each.outcome for each in findings.values()} == {Outcome.OK, Outcome.NOT_YET}
    assert findings["root_key.source"].detail == f"file:{place}/root.key (8 bytes)"
    assert findings["storage.url"] == Finding(
        "storage.url", Outcome.NOT_YET, f"{place}/hyok.db is made at the first start"
    )


def test_nothing_is_made(place: Path) -> None:
    before = sorted(place.rglob("*"))
    check(place)
    assert sorted(set(place.rglob("*")) - {place / "hyok.toml"}) == before


def test_what_is_missing_is_found(place: Path) -> None:
    (place / "tls/server.pem").unlink()
    finding = check(place)["proxy.certificate"]
    assert finding.outcome is Outcome.FAILED
    assert finding.detail.endswith("server.pem: No such file or directory")


@pytest.mark.parametrize("name", ["root.key", "tls/server.key"])
def test_a_private_file_that_everybody_can_read_is_found(place: Path, name: str) -> None:
    os.chmod(place / name, 0o604)
    setting = "root_key.source" if name == "root.key" else "proxy.private_key"
    assert "has mode 0604, so that everybody may use it" in check(place)[setting].detail


def test_a_certificate_may_be_read_by_everybody(place: Path) -> None:
    os.chmod(place / "tls/server.pem", 0o644)
    assert check(place)["proxy.certificate"].outcome is Outcome.OK


def test_a_copy_of_one_root_key_on_both_sides_is_found(place: Path) -> None:
    (place / "kms-root.key").write_text("root.key")
    findings = check_places(load(place, HOLDER + KMS), {})
    assert [each.detail for each in findings if each.outcome is Outcome.FAILED] == [
        "is the same key as root_key.source; the two sides of the trust line must not share it"
    ]


@pytest.mark.parametrize("setting", ["storage.url", "audit.directory"])
def test_a_place_of_the_wrong_kind_is_found(place: Path, setting: str) -> None:
    (place / "hyok.db").mkdir()
    (place / "audit").write_text("")
    assert check(place)[setting].outcome is Outcome.FAILED


def test_a_place_that_cannot_be_made_is_found(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)  # root, who may run this, may write everywhere
    finding = check(place)["storage.url"]
    assert finding.outcome is Outcome.FAILED
    assert finding.detail == f"{place}/hyok.db is not there, and this user cannot make it in {place}"


def test_a_place_below_a_file_cannot_be_made(place: Path) -> None:
    (place / "file").write_text("")
    finding = check(place, HOLDER.replace("hyok.db", "file/hyok.db"))["storage.url"]
    assert finding.outcome is Outcome.FAILED
    assert finding.detail == (f"{place}/file/hyok.db is not there, and this user cannot make it in {place}/file")


def test_optional_files_of_the_kms_are_looked_at_where_they_are_named(place: Path) -> None:
    text = KMS.replace("[kms]\n", '[kms]\nxks_authorities = "file:no.pem"\n')
    findings = {each.setting: each for each in check_places(load(place, text), {})}
    assert findings["kms.xks_authorities"].outcome is Outcome.FAILED
    assert "kms.certificate" not in findings
