from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from hyok.custody.errors import IntegrityError
from hyok.custody.root_key import LocalRootKey
from hyok.custody.safe import Safe, SafeKey, inherit_safe, open_safe, unlock_safe
from hyok.errors import OperatorError
from hyok.secret import Secret
from hyok.storage.engine import Storage, open_storage
from hyok.storage.schema import Side
from tests.unit.storage.test_engine import digest_of

ROOT = LocalRootKey(Secret(bytes(range(32))))
OTHER_ROOT = LocalRootKey(Secret(bytes(32)))


@pytest.mark.parametrize("side", Side)
def test_what_one_start_sealed_the_next_opens(tmp_path: Path, side: Side) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    storage = open_storage(url, side)
    sealed = open_safe(storage, ROOT).seal(b"secret", "table", "row", 7)
    storage.close()
    storage = open_storage(url, side)
    assert open_safe(storage, ROOT).open(sealed, "table", "row", 7) == Secret(b"secret")
    storage.close()


def test_a_second_opening_finds_the_first_ones_key(holder_storage: Storage, safe: Safe) -> None:
    again = open_safe(holder_storage, ROOT)
    assert again.store_id == safe.store_id
    assert again.open(safe.seal(b"x", "t"), "t") == Secret(b"x")


@pytest.mark.parametrize(
    "place",
    [("other", "row", 7), ("table", "other", 7), ("table", "row", 8), ("table", "row"), ("table", "row", "7")],
)
def test_a_value_moved_to_another_place_does_not_open(safe: Safe, place: tuple[str, str]) -> None:
    sealed = safe.seal(b"secret", "table", "row", 7)
    with pytest.raises(IntegrityError):
        safe.open(sealed, *place)


def test_an_altered_value_is_reported_with_its_table_and_row(safe: Safe) -> None:
    sealed = safe.seal(b"secret", "credentials", "dev", 7)
    with pytest.raises(IntegrityError, match=r"in table credentials, row \('dev', 7\), does not open") as caught:
        safe.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), "credentials", "dev", 7)
    assert "secret" not in str(caught.value)


def test_a_value_from_another_storage_does_not_open(tmp_path: Path, safe: Safe) -> None:
    other = open_storage(f"sqlite:///{tmp_path}/other.db", Side.HOLDER)
    sealed = open_safe(other, ROOT).seal(b"secret", "t")
    other.close()
    with pytest.raises(IntegrityError):
        safe.open(sealed, "t")


def test_one_key_in_two_storages_still_does_not_exchange_values() -> None:
    kek = Secret(bytes(32))
    sealed = Safe("store-a", [kek]).seal(b"secret", "t")
    with pytest.raises(IntegrityError):
        Safe("store-b", [kek]).open(sealed, "t")


def test_a_wrong_root_is_refused_at_start_and_nothing_is_touched(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    storage = open_storage(url, Side.HOLDER)
    open_safe(storage, ROOT)
    storage.close()
    before = digest_of(tmp_path)
    storage = open_storage(url, Side.HOLDER)
    with pytest.raises(
        OperatorError, match=f"kept under root key {ROOT.id}, and the root key given is {OTHER_ROOT.id}"
    ):
        open_safe(storage, OTHER_ROOT)
    storage.close()
    assert digest_of(tmp_path) == before


@pytest.mark.sqlite_files
@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE storage_identity SET wrapped_kek = zeroblob(61)",
        "UPDATE storage_identity SET wrapped_kek = zeroblob(0)",
        "UPDATE storage_identity SET store_id = 'another'",
    ],
)
def test_an_altered_identity_is_refused_at_start(holder_storage: Storage, safe: Safe, edit: str) -> None:
    with holder_storage.transaction() as connection:
        connection.execute(text(edit))
    with pytest.raises(OperatorError, match="storage_identity was altered"):
        open_safe(holder_storage, ROOT)


def test_the_key_of_the_safe_lies_in_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kek = b"CANARY of exactly 32 bytes ....."
    monkeypatch.setattr("hyok.custody.keeping.os.urandom", lambda count: kek[:count])
    storage = open_storage(f"sqlite:///{tmp_path}/a.db", Side.HOLDER)
    store_id = open_safe(storage, ROOT).store_id
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    storage.close()
    assert store_id.encode() in content
    assert kek not in content


def test_a_safe_shows_nothing(safe: Safe) -> None:
    assert set(vars(safe)) == {"store_id", "_keys"}
    assert repr(safe.open(safe.seal(b"secret", "t"), "t")) == "Secret(6 bytes)"


def test_an_heir_opens_what_was_sealed_without_the_root(holder_storage: Storage, safe: Safe) -> None:
    key = unlock_safe(holder_storage, ROOT)
    assert inherit_safe(holder_storage, key).open(safe.seal(b"x", "t"), "t") == Secret(b"x")


def test_the_key_of_another_storage_is_not_inherited(holder_storage: Storage, safe: Safe) -> None:
    key = SafeKey("another", (Secret(bytes(32)),), ROOT.id)
    with pytest.raises(OperatorError, match="is not the one whose key was handed over"):
        inherit_safe(holder_storage, key)


def test_a_storage_without_a_safe_has_no_heirs(holder_storage: Storage) -> None:
    with pytest.raises(OperatorError, match="is not the one whose key was handed over"):
        inherit_safe(holder_storage, SafeKey("any", (Secret(bytes(32)),), ROOT.id))


def test_a_handed_over_key_is_not_shown(holder_storage: Storage) -> None:
    key = unlock_safe(holder_storage, ROOT)
    assert repr(key) == f"SafeKey(store_id={key.store_id!r}, keks=(Secret(32 bytes),), root_key_id={ROOT.id!r})"
