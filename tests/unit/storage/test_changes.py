from __future__ import annotations

import pytest

from hyok.storage.changes import Change, ChangeKind, changes_since, current_position, record_change
from hyok.storage.engine import Storage


def test_changes_are_numbered_in_order_from_one(holder_storage: Storage) -> None:
    with holder_storage.transaction() as connection:
        record_change(connection, ChangeKind.KEY_STORE, "dev", at=1.5)
        record_change(connection, ChangeKind.EMBEDDED_KEY, "dev-key", at=2.5)
    with holder_storage.reading() as connection:
        assert changes_since(connection, 0) == (
            Change(1, ChangeKind.KEY_STORE, "dev", 1.5),
            Change(2, ChangeKind.EMBEDDED_KEY, "dev-key", 2.5),
        )
        assert changes_since(connection, 1)[0].subject == "dev-key"
        assert changes_since(connection, 0, limit=1)[-1].position == 1
        assert current_position(connection) == 2


def test_a_log_without_changes_is_at_position_zero(holder_storage: Storage) -> None:
    with holder_storage.reading() as connection:
        assert current_position(connection) == 0
        assert changes_since(connection, 0) == ()


def test_a_change_is_undone_with_its_transaction(holder_storage: Storage) -> None:
    def fail_late() -> None:
        with holder_storage.transaction() as connection:
            record_change(connection, ChangeKind.KEY_STORE, "dev", at=1.0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_late()
    with holder_storage.reading() as connection:
        assert current_position(connection) == 0
