from __future__ import annotations

from pathlib import Path

import pytest

from hyok.errors import OperatorError
from tests.unit.config.files import HOLDER, KMS, load

BOTH = HOLDER + KMS


def test_two_storages_and_two_root_keys_are_accepted(tmp_path: Path) -> None:
    assert load(tmp_path, BOTH).require_kms().storage.url.path == tmp_path / "kms.db"


def test_one_storage_for_both_sides_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as raised:
        load(tmp_path, BOTH.replace("kms.db", "hyok.db"))
    assert str(raised.value) == (
        f"{tmp_path}/hyok.toml: storage.url and kms.storage.url name one database (sqlite:///{tmp_path}/hyok.db); "
        "the two sides of the trust line must not share it, because whoever has it could undo double encryption; give "
        "the KMS a storage of its own"
    )


@pytest.mark.parametrize("other", ["./hyok.db", "x/../hyok.db"])
def test_one_storage_under_two_spellings_is_refused(tmp_path: Path, other: str) -> None:
    with pytest.raises(OperatorError, match="name one database"):
        load(tmp_path, BOTH.replace("kms.db", other))


def test_one_storage_behind_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(OperatorError, match="name one database"):
        load(tmp_path, BOTH.replace("kms.db", "link/hyok.db"))


def test_one_storage_behind_a_hard_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hyok.db").touch()
    (tmp_path / "kms.db").hardlink_to(tmp_path / "hyok.db")
    with pytest.raises(OperatorError, match="name one database"):
        load(tmp_path, BOTH)


def test_one_root_key_for_both_sides_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as raised:
        load(tmp_path, BOTH.replace("kms-root.key", "root.key"))
    assert str(raised.value) == (
        f"{tmp_path}/hyok.toml: root_key.source and kms.root_key.source name one key (file:{tmp_path}/root.key); "
        "the two sides of the trust line must not share it, because whoever has it could undo double encryption; give "
        "the KMS a root key of its own"
    )


@pytest.mark.parametrize("reference", ["env:ROOT", "systemd-credential:root"])
def test_one_reference_for_both_root_keys_is_refused(tmp_path: Path, reference: str) -> None:
    with pytest.raises(OperatorError, match="name one key"):
        load(tmp_path, BOTH.replace("file:root.key", reference).replace("file:kms-root.key", reference))


def test_a_credential_and_its_file_are_one_root_key(tmp_path: Path) -> None:
    text = BOTH.replace("file:kms-root.key", "systemd-credential:root.key")
    with pytest.raises(OperatorError, match="name one key"):
        load(tmp_path, text, {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_one_database_on_a_server_is_not_for_both_sides(tmp_path: Path) -> None:
    servers = {
        "HYOK__STORAGE__URL": "postgresql://holder@DB:5432/hyok",
        "HYOK__KMS__STORAGE__URL": "postgresql://kms@db/hyok",
    }
    with pytest.raises(OperatorError, match="name one database"):
        load(tmp_path, BOTH, servers)
    load(tmp_path, BOTH, {**servers, "HYOK__KMS__STORAGE__URL": "postgresql://kms@db/kms"}).require_kms()


def test_a_variable_cannot_bring_the_sides_together(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="name one database"):
        load(tmp_path, BOTH, {"HYOK__KMS__STORAGE__URL": "sqlite:///hyok.db"})
