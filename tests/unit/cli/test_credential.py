from __future__ import annotations

import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Hyok


@pytest.fixture
def store(hyok: Hyok) -> Hyok:
    hyok("keystore", "create", "main")
    return hyok


def create(store: Hyok) -> dict[str, str]:
    credential = json.loads(store("credential", "create", "main", "--output", "json").out)["credential"]
    assert isinstance(credential, dict)
    return credential


def test_a_new_credential_is_shown_once(store: Hyok) -> None:
    credential = create(store)
    assert set(credential) == {"access_key_id", "keystore", "secret_access_key"}
    listed = store("credential", "list", "main")
    assert credential["access_key_id"] in listed.out
    assert credential["secret_access_key"] not in listed.out


def test_people_are_told_that_the_secret_is_shown_once(store: Hyok) -> None:
    result = store("credential", "create", "main")
    assert "Secret access key  " in result.out
    assert result.err.startswith("The secret is shown this once")


def test_the_secret_goes_to_a_file_instead(store: Hyok, tmp_path: Path) -> None:
    result = store("credential", "create", "main", "--secret-file", "secret")
    file = tmp_path / "secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    secret = file.read_text().strip()
    assert len(secret) >= 43
    assert secret not in result.out + result.err


def test_the_document_has_no_secret_either_if_it_goes_to_a_file(store: Hyok) -> None:
    result = store("credential", "create", "main", "--secret-file", "secret", "--output", "json")
    assert set(json.loads(result.out)["credential"]) == {"access_key_id", "keystore"}


def test_no_credential_is_made_if_its_file_cannot_be(store: Hyok, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    assert store("credential", "create", "main", "--secret-file", "secret").status == 2
    assert store("credential", "create", "main", "--secret-file", "no/such").status == 2
    assert (tmp_path / "secret").read_text() == "mine"
    assert store("credential", "list", "main").out == ""


def test_no_file_is_left_if_no_credential_could_be_made(store: Hyok, tmp_path: Path) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    assert store("credential", "create", "nope", "--secret-file", "secret").status == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_retired_credential_stays_listed(store: Hyok) -> None:
    access_key_id = create(store)["access_key_id"]
    assert store("credential", "retire", access_key_id, "--yes").status == 0
    (listed,) = json.loads(store("credential", "list", "main", "--output", "json").out)["credentials"]
    assert listed["state"] == "retired"
    assert listed["retired_at"].endswith("Z")
    assert [line.split()[1] for line in store("credential", "list", "main").out.splitlines()[1:]] == ["retired"]


def test_a_deleted_credential_is_gone(store: Hyok) -> None:
    access_key_id = create(store)["access_key_id"]
    assert store("credential", "delete", access_key_id, "--yes").status == 0
    assert json.loads(store("credential", "list", "main", "--output", "json").out) == {"credentials": []}


@pytest.mark.parametrize("command", ["retire", "delete"])
def test_what_takes_access_away_says_so_and_needs_a_yes(store: Hyok, command: str) -> None:
    access_key_id = create(store)["access_key_id"]
    result = store("credential", command, access_key_id)
    assert result.status == 2
    assert "what AWS KMS signs with it will be refused" in result.err
    assert "active" in store("credential", "list", "main").out


@pytest.mark.parametrize("command", ["retire", "delete"])
def test_one_that_is_not_there_is_status_1(store: Hyok, command: str) -> None:
    assert store("credential", command, "HYOKNONE", "--yes").status == 1


def test_the_list_says_when_a_credential_was_last_used_and_how_often(store: Hyok, tmp_path: Path) -> None:
    used, unused = create(store)["access_key_id"], create(store)["access_key_id"]
    (database,) = tmp_path.rglob("*.db")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "UPDATE credentials SET use_count = 1800, last_used_at = 1764000000.5 WHERE access_key_id = ?", [used]
        )

    rows = {line.split()[0]: line.split() for line in store("credential", "list", "main").out.splitlines()}
    assert rows[used][-2:] == ["2025-11-24T16:00:00Z", "1800"]
    assert rows[unused][-2:] == ["never", "0"]
    listed = json.loads(store("credential", "list", "main", "--output", "json").out)["credentials"]
    assert {each["access_key_id"]: (each["last_used_at"], each["use_count"]) for each in listed} == {
        used: ("2025-11-24T16:00:00Z", 1800),
        unused: (None, 0),
    }
