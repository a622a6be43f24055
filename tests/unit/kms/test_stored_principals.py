from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from hyok.administration.principals import FULL_ACCESS, NewPrincipal, create_principal, delete_principal
from hyok.custody.safe import Safe, open_safe
from hyok.kms.principals import Principal
from hyok.kms.stored_principals import StoredPrincipals
from hyok.storage.changes import changes_since
from hyok.storage.engine import Storage, open_storage
from hyok.storage.schema import Side, principals
from tests.storages import storage_url
from tests.unit.kms.running import ACCOUNT, ROOT
from tests.unit.storage.fixtures import SetClock

ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    opened = open_storage(storage_url(tmp_path / "kms.db", Side.KMS), Side.KMS)
    yield opened
    opened.close()


@pytest.fixture
def safe(storage: Storage) -> Safe:
    return open_safe(storage, ROOT)


def make(storage: Storage, safe: Safe, arn: str = ALICE) -> NewPrincipal:
    return create_principal(storage, safe, SetClock(), arn=arn, policies=[FULL_ACCESS], tags={"team": "red"})


def found(stored: StoredPrincipals, made: NewPrincipal) -> Principal | None:
    return stored.principals.find(made.credential.access_key_id.encode())


def follow(stored: StoredPrincipals, storage: Storage) -> None:
    with storage.reading() as connection:
        changes = changes_since(connection, 0)
    asyncio.run(stored.apply(changes))


def test_a_principal_that_is_stored_is_known_with_its_credential_and_rights(storage: Storage, safe: Safe) -> None:
    made = make(storage, safe)
    principal = found(StoredPrincipals(storage, safe), made)
    assert principal is not None
    assert (principal.arn, principal.account) == (ALICE, ACCOUNT)
    assert principal.identity.policies is not None
    assert principal.identity.tags == {"team": "red"}


def test_a_running_service_learns_of_new_and_deleted_ones(storage: Storage, safe: Safe) -> None:
    stays = make(storage, safe, f"{ALICE}2")
    running = StoredPrincipals(storage, safe)
    made = make(storage, safe)
    assert found(running, made) is None
    follow(running, storage)
    assert found(running, made) is not None
    delete_principal(storage, SetClock(), ALICE)
    follow(running, storage)
    assert found(running, made) is None
    assert found(running, stays) is not None


@pytest.mark.parametrize(
    "edited",
    [
        {"arn": f"arn:aws:iam::{ACCOUNT}:root"},
        {"policies": []},
        {"policies": [["full-access", FULL_ACCESS.document.replace("kms:*", "*")]]},
        {"tags": {"team": "blue"}},
        {"tags": [1]},
        {"policies": 5},
    ],
    ids=["arn", "no policy", "another policy", "tags", "no tags at all", "no policies at all"],
)
def test_a_row_that_was_edited_lets_nobody_in(
    storage: Storage, safe: Safe, edited: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    made = make(storage, safe)
    with storage.transaction() as connection:
        connection.execute(update(principals).values(**edited))
    assert found(StoredPrincipals(storage, safe), made) is None
    assert "is left out and cannot call" in caplog.text
    assert made.credential.secret_access_key.reveal().decode() not in caplog.text


def test_the_secret_is_stored_sealed(storage: Storage, safe: Safe) -> None:
    secret = make(storage, safe).credential.secret_access_key.reveal()
    with storage.reading() as connection:
        (row,) = connection.execute(principals.select()).mappings()
    assert secret not in row["sealed_secret"]
    assert secret.decode() not in json.dumps({name: value for name, value in row.items() if name != "sealed_secret"})
