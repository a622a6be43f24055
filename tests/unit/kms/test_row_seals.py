"""Somebody writes into the KMS's database past hyok: what they edit, swap or add counts for nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Double, Integer, LargeBinary, Table, delete, func, insert, null, select, text, update

from hyok.awsjson.errors import AwsError
from hyok.custody.errors import IntegrityError
from hyok.custody.safe import Safe, open_safe
from hyok.kms.row_seals import RowSeals
from hyok.storage.changes import ChangeKind, changes_since, record_change
from hyok.storage.engine import Storage, open_storage
from hyok.storage.schema import Side, aliases, backing_keys, custom_key_stores, grants, keys
from tests.storages import storage_url
from tests.unit.kms.running import ACCOUNT, ROOT, RunningKms, running_kms

TABLES = (keys, backing_keys, aliases, grants, custom_key_stores)
EDITABLE = [
    (table, column)
    for table in TABLES
    for column in table.columns
    if not isinstance(column.type, LargeBinary) and not (column.primary_key and table is not aliases)
]
GRANTEE = f"arn:aws:iam::{ACCOUNT}:role/worker"
POLICY = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"},
}


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Storage, Safe]]:
    """A storage with one row or more in each table, none of whose columns is null where that can be."""
    directory = tmp_path_factory.mktemp("stocked")
    with running_kms(directory) as kms:
        kms.add_store()
        key = kms.create_key(Description="a", Tags=[{"TagKey": "a", "TagValue": "1"}], Policy=json.dumps(POLICY))
        kms.create_external_key()
        kms.call("EnableKeyRotation", {"KeyId": key})
        kms.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key})
        grant = {"KeyId": key, "GranteePrincipal": GRANTEE, "RetiringPrincipal": GRANTEE, "Operations": ["Decrypt"]}
        kms.call("CreateGrant", {**grant, "Name": "a", "Constraints": {"EncryptionContextSubset": {"b": "1", "a": ""}}})
    opened = open_storage(storage_url(directory / "kms.db", Side.KMS), Side.KMS)
    yield opened, open_safe(opened, ROOT)
    opened.close()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_rows_that_hyok_wrote_are_intact(stocked: tuple[Storage, Safe], table: Table) -> None:
    storage, safe = stocked
    with storage.reading() as connection:
        rows = connection.execute(select(table)).mappings().all()
    assert rows
    assert RowSeals(safe).told_apart(table, rows) == (rows, [])


@pytest.mark.parametrize(
    ("table", "column"), EDITABLE, ids=[f"{table.name}.{column.name}" for table, column in EDITABLE]
)
def test_an_edit_of_any_column_is_noticed(stocked: tuple[Storage, Safe], table: Table, column: Column[object]) -> None:
    storage, safe = stocked
    with storage.reading() as connection:
        row = dict(connection.execute(select(table)).mappings().all()[-1])
    RowSeals(safe).check(table, row)
    row[column.name] = 1.5 if isinstance(column.type, Double) else 77 if isinstance(column.type, Integer) else "edited"
    with pytest.raises(IntegrityError, match=f"of the table {table.name} is not as hyok wrote it"):
        RowSeals(safe).check(table, row)


def edited(kms: RunningKms, statement: object) -> None:
    with kms.storage.transaction() as connection:
        connection.execute(statement)  # type: ignore[call-overload]  # any statement


def refusal(kms: RunningKms, operation: str, request: dict[str, object]) -> str:
    with pytest.raises(AwsError) as caught:
        kms.call(operation, request)
    return caught.value.code


@pytest.mark.parametrize(
    "edit",
    [{"policy": json.dumps(POLICY)}, {"state": "Enabled"}, {"deletion_at": None}, {"sealed_row": None}],
    ids=lambda edit: next(iter(edit)),
)
def test_a_key_whose_row_was_edited_cannot_be_used_and_the_others_can(
    tmp_path: Path, edit: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    with running_kms(tmp_path) as kms:
        key, other = kms.create_key(), kms.create_key()
        blob = kms.call("Encrypt", {"KeyId": key, "Plaintext": "eA=="})["CiphertextBlob"]
        kms.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key})
        kms.call("ScheduleKeyDeletion", {"KeyId": key, "PendingWindowInDays": 7})
        edited(kms, update(keys).where(keys.c.arn == key).values(edit))
    with running_kms(tmp_path) as kms:
        for name in (key, key.rpartition("/")[2], "alias/a"):
            assert refusal(kms, "Encrypt", {"KeyId": name, "Plaintext": "eA=="}) == "KMSInternalException"
        assert refusal(kms, "Decrypt", {"CiphertextBlob": blob}) == "KMSInternalException"
        assert refusal(kms, "PutKeyPolicy", {"KeyId": key, "Policy": json.dumps(POLICY)}) == "KMSInternalException"
        kms.call("Encrypt", {"KeyId": other, "Plaintext": "eA=="})
    assert f"the row {key.rpartition('/')[2]} of the table keys is not as hyok wrote it" in caplog.text


@pytest.mark.sqlite_files
@pytest.mark.parametrize(
    "edit", ["created_at = 'abc'", "policy = x'ff'", "tags = 5", "sealed_row = 5", "current_backing_number = 'x'"]
)
def test_what_is_not_even_of_its_columns_kind_counts_for_nothing(tmp_path: Path, edit: str) -> None:
    with running_kms(tmp_path) as kms:
        key = kms.create_key()
        edited(kms, text(f"UPDATE keys SET {edit}"))  # noqa: S608  # the test's own words
    with running_kms(tmp_path) as kms:
        assert refusal(kms, "DescribeKey", {"KeyId": key}) == "KMSInternalException"


@pytest.mark.sqlite_files
def test_what_cannot_be_read_at_all_is_told_in_a_sentence(tmp_path: Path) -> None:
    with running_kms(tmp_path) as kms:
        kms.create_key()
        edited(kms, text("UPDATE keys SET tags = '{'"))
    with (
        pytest.raises(IntegrityError, match="the table keys holds a value that hyok never wrote"),
        running_kms(tmp_path),
    ):
        pass


def test_the_rows_of_two_keys_that_were_swapped_count_for_nothing(tmp_path: Path) -> None:
    with running_kms(tmp_path) as kms:
        ours, theirs = kms.create_key(Description="ours"), kms.create_key(Description="theirs")
        rows = {arn: row_of(kms, arn) for arn in (ours, theirs)}
        for one, other in ((ours, theirs), (theirs, ours)):
            content = {name: rows[other][name] for name in ("description", "policy", "sealed_row")}
            edited(kms, update(keys).where(keys.c.arn == one).values(content))
    with running_kms(tmp_path) as kms:
        for arn in (ours, theirs):
            assert refusal(kms, "DescribeKey", {"KeyId": arn}) == "KMSInternalException"


def row_of(kms: RunningKms, arn: str) -> dict[str, object]:
    with kms.storage.reading() as connection:
        return dict(connection.execute(select(keys).where(keys.c.arn == arn)).mappings().one())


def test_an_alias_that_was_pointed_elsewhere_leads_nowhere(tmp_path: Path) -> None:
    with running_kms(tmp_path) as kms:
        key, other = kms.create_key(), kms.create_key()
        kms.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key})
        edited(kms, update(aliases).values(target_key_id=other.rpartition("/")[2]))
    with running_kms(tmp_path) as kms:
        assert refusal(kms, "Encrypt", {"KeyId": "alias/a", "Plaintext": "eA=="}) == "KMSInternalException"
        assert refusal(kms, "UpdateAlias", {"AliasName": "alias/a", "TargetKeyId": key}) == "KMSInternalException"
        kms.call("Encrypt", {"KeyId": key, "Plaintext": "eA=="})


def test_a_grant_that_was_edited_or_added_allows_nothing(tmp_path: Path) -> None:
    with running_kms(tmp_path) as kms:
        key = kms.create_key()
        for name in ("edited", "kept"):
            request = {"KeyId": key, "GranteePrincipal": GRANTEE, "Operations": ["Decrypt"], "Name": name}
            kms.call("CreateGrant", request)
        edited(kms, update(grants).where(grants.c.name == "edited").values(operations=["Decrypt", "Encrypt"]))
        copied = select(*(text("'f00'") if column is grants.c.grant_id else column for column in grants.columns))
        edited(kms, insert(grants).from_select(list(grants.columns), copied.where(grants.c.name == "kept")))
    with running_kms(tmp_path) as kms:
        assert [grant["Name"] for grant in kms.call("ListGrants", {"KeyId": key})["Grants"]] == ["kept"]


def test_an_edit_that_the_change_log_leads_a_running_service_to_is_noticed(tmp_path: Path) -> None:
    with running_kms(tmp_path) as kms:
        key = kms.create_key()
        with kms.storage.transaction() as connection:
            connection.execute(update(keys).values(policy=json.dumps(POLICY)))
            record_change(connection, ChangeKind.KEY, key.rpartition("/")[2], at=1.0)
        with kms.storage.reading() as connection:
            changes = changes_since(connection, kms.space.turns.position)
        kms.run(kms.space.turns.apply(changes))
        assert refusal(kms, "Encrypt", {"KeyId": key, "Plaintext": "eA=="}) == "KMSInternalException"


@pytest.mark.parametrize("statement", [update(backing_keys).values(created_at=5.0), delete(backing_keys)])
def test_ciphertext_under_a_backing_key_that_was_altered_or_taken_away_is_not_called_wrong(
    tmp_path: Path, statement: object
) -> None:
    with running_kms(tmp_path) as kms:
        key = kms.create_key()
        blob = kms.call("Encrypt", {"KeyId": key, "Plaintext": "eA=="})["CiphertextBlob"]
        edited(kms, statement)
    with running_kms(tmp_path) as kms:
        assert refusal(kms, "Encrypt", {"KeyId": key, "Plaintext": "eA=="}) == "KMSInternalException"
        assert refusal(kms, "Decrypt", {"CiphertextBlob": blob}) == "KMSInternalException"


def test_a_store_that_was_pointed_at_another_proxy_does_not_load(tmp_path: Path) -> None:
    with running_kms(tmp_path) as kms:
        kms.add_store()
        edited(kms, update(custom_key_stores).values(uri_endpoint="https://elsewhere.example"))
    with pytest.raises(IntegrityError, match="of the table custom_key_stores"), running_kms(tmp_path):
        pass


def test_rows_without_a_seal_get_one_in_an_older_storage_only(tmp_path: Path) -> None:
    with running_kms(tmp_path) as kms:
        key = kms.create_key()
        edited(kms, update(keys).values(sealed_row=null()))
    with running_kms(tmp_path) as kms:
        assert refusal(kms, "DescribeKey", {"KeyId": key}) == "KMSInternalException"
        with kms.storage.reading() as connection:
            unsealed = select(func.count()).select_from(keys).where(keys.c.sealed_row.is_(null()))
            assert connection.scalar(unsealed) == 1
