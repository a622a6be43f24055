from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from sqlalchemy import text

from hyok.administration.credentials import (
    MAXIMUM_ACTIVE,
    CredentialPair,
    create_credential,
    delete_credential,
    list_credentials,
    retire_credential,
    reveal_credential,
    write_console_file,
)
from hyok.administration.keystores import create_key_store
from hyok.custody.errors import IntegrityError
from hyok.custody.records import Author, Recorder
from hyok.custody.safe import Safe
from hyok.errors import NotDoneError
from hyok.secret import Secret
from hyok.storage.changes import ChangeKind
from hyok.storage.engine import Storage
from tests.unit.administration.test_keystores import changes_in
from tests.unit.storage.fixtures import SetClock

GIVEN = CredentialPair("BETWEEN2TENAND3TENCHARACTERS", Secret(b"PleaseReplaceThisWithSomeSecretOfLength43To64"))


def revealed(storage: Storage, safe: Safe, *, key_store: str, access_key_id: str | None = None) -> CredentialPair:
    recorder = Recorder(safe, SetClock(), Author("root", "host"))
    return reveal_credential(storage, safe, recorder, key_store=key_store, access_key_id=access_key_id)


@pytest.fixture(autouse=True)
def key_store(holder_storage: Storage, clock: SetClock) -> None:
    create_key_store(holder_storage, clock, name="dev")


def test_a_generated_credential_is_one_that_aws_takes(holder_storage: Storage, safe: Safe, clock: SetClock) -> None:
    pairs = [create_credential(holder_storage, safe, clock, key_store="dev") for _ in range(10)]
    for pair in pairs:
        assert re.fullmatch(r"HYOK[A-Z2-7]{16,26}", pair.access_key_id)
        assert re.fullmatch(r"[a-zA-Z0-9/+=]{43,64}", pair.secret_access_key.reveal().decode())
        assert revealed(holder_storage, safe, key_store="dev", access_key_id=pair.access_key_id) == pair
    assert len({pair.access_key_id for pair in pairs}) == 10
    secrets = [pair.secret_access_key.reveal() for pair in pairs]
    assert len(set(secrets)) == 10
    assert all(len(base64.b64decode(secret, validate=True)) * 8 >= 256 for secret in secrets)
    assert [place for place, found in enumerate(zip(*secrets, strict=True)) if len(set(found)) == 1] == []


def test_a_credential_of_a_former_proxy_is_taken_over(holder_storage: Storage, safe: Safe, clock: SetClock) -> None:
    assert create_credential(holder_storage, safe, clock, key_store="dev", given=GIVEN) == GIVEN
    assert revealed(holder_storage, safe, key_store="dev") == GIVEN


@pytest.mark.parametrize("access_key_id", ["", "A" * 19, "A" * 31, "a" * 20, "A" * 19 + "1", "A" * 19 + " "])
def test_a_given_id_that_aws_would_refuse_is_refused(
    holder_storage: Storage, safe: Safe, clock: SetClock, access_key_id: str
) -> None:
    given = CredentialPair(access_key_id, GIVEN.secret_access_key)
    with pytest.raises(NotDoneError, match=f"20 to 30 characters of A-Z 2-7; the one given has {len(access_key_id)}"):
        create_credential(holder_storage, safe, clock, key_store="dev", given=given)


@pytest.mark.parametrize(
    "secret", [b"", b"s" * 42, b"s" * 65, b"s" * 42 + b"-", b"s" * 42 + b"\n", b"s" * 42 + b"\xff"]
)
def test_a_given_secret_that_aws_would_refuse_is_refused_without_showing_it(
    holder_storage: Storage, safe: Safe, clock: SetClock, secret: bytes
) -> None:
    given = CredentialPair(GIVEN.access_key_id, Secret(secret))
    with pytest.raises(NotDoneError, match=f"43 to 64 characters .* has {len(secret)} characters") as caught:
        create_credential(holder_storage, safe, clock, key_store="dev", given=given)
    assert "sss" not in str(caught.value)


def test_credentials_are_listed_oldest_first_without_secrets(
    holder_storage: Storage, safe: Safe, clock: SetClock
) -> None:
    first = create_credential(holder_storage, safe, clock, key_store="dev")
    clock.time += 1
    second = create_credential(holder_storage, safe, clock, key_store="dev")
    listed = list_credentials(holder_storage, "dev")
    assert [credential.access_key_id for credential in listed] == [first.access_key_id, second.access_key_id]
    for pair in (first, second):
        assert pair.secret_access_key.reveal().decode() not in repr(listed) + repr(pair)


def test_an_access_key_id_belongs_to_one_key_store(holder_storage: Storage, safe: Safe, clock: SetClock) -> None:
    create_key_store(holder_storage, clock, name="prod")
    create_credential(holder_storage, safe, clock, key_store="dev", given=GIVEN)
    with pytest.raises(NotDoneError, match="exists already"):
        create_credential(holder_storage, safe, clock, key_store="prod", given=GIVEN)


def test_twenty_may_be_active_and_retiring_one_makes_room(holder_storage: Storage, safe: Safe, clock: SetClock) -> None:
    pairs = [create_credential(holder_storage, safe, clock, key_store="dev") for _ in range(MAXIMUM_ACTIVE)]
    with pytest.raises(NotDoneError, match="has 20 active credentials"):
        create_credential(holder_storage, safe, clock, key_store="dev")
    retire_credential(holder_storage, safe, clock, pairs[0].access_key_id)
    create_credential(holder_storage, safe, clock, key_store="dev")


def test_a_retired_credential_stays_listed_and_is_never_revealed(
    holder_storage: Storage, safe: Safe, clock: SetClock
) -> None:
    pair = create_credential(holder_storage, safe, clock, key_store="dev")
    clock.time += 1
    retired = retire_credential(holder_storage, safe, clock, pair.access_key_id)
    assert retired.retired_at == clock.time
    clock.time += 1
    assert retire_credential(holder_storage, safe, clock, pair.access_key_id) == retired
    assert list_credentials(holder_storage, "dev") == (retired,)
    with pytest.raises(NotDoneError, match=f"no active credential {pair.access_key_id}"):
        revealed(holder_storage, safe, key_store="dev", access_key_id=pair.access_key_id)
    with pytest.raises(NotDoneError, match="no active credential; create one"):
        revealed(holder_storage, safe, key_store="dev")


def test_a_retired_credential_cannot_be_revived_by_editing_its_row(
    holder_storage: Storage, safe: Safe, clock: SetClock
) -> None:
    pair = create_credential(holder_storage, safe, clock, key_store="dev")
    retire_credential(holder_storage, safe, clock, pair.access_key_id)
    with holder_storage.transaction() as connection:
        connection.execute(text("UPDATE credentials SET retired_at = NULL"))
    with pytest.raises(IntegrityError, match="table credentials"):
        revealed(holder_storage, safe, key_store="dev")


def test_a_deleted_credential_is_gone(holder_storage: Storage, safe: Safe, clock: SetClock) -> None:
    pair = create_credential(holder_storage, safe, clock, key_store="dev")
    delete_credential(holder_storage, clock, pair.access_key_id)
    assert list_credentials(holder_storage, "dev") == ()
    with pytest.raises(NotDoneError, match="no credential"):
        delete_credential(holder_storage, clock, pair.access_key_id)
    with pytest.raises(NotDoneError, match="no credential"):
        retire_credential(holder_storage, safe, clock, pair.access_key_id)


def test_each_change_names_the_key_store(holder_storage: Storage, safe: Safe, clock: SetClock) -> None:
    pair = create_credential(holder_storage, safe, clock, key_store="dev")
    retire_credential(holder_storage, safe, clock, pair.access_key_id)
    delete_credential(holder_storage, clock, pair.access_key_id)
    assert changes_in(holder_storage)[1:] == [(ChangeKind.CREDENTIAL, "dev")] * 3


def test_a_key_store_that_is_not_there_has_no_credentials(holder_storage: Storage, safe: Safe, clock: SetClock) -> None:
    with pytest.raises(NotDoneError, match="no key store named 'none'"):
        create_credential(holder_storage, safe, clock, key_store="none")
    with pytest.raises(NotDoneError, match="no key store named 'none'"):
        list_credentials(holder_storage, "none")


def test_the_console_file_is_what_the_aws_console_takes() -> None:
    assert json.loads(write_console_file("/dev/kms/xks/v1", GIVEN)) == {
        "XksProxyUriPath": "/dev/kms/xks/v1",
        "XksProxyAuthenticationCredential": {
            "AccessKeyId": "BETWEEN2TENAND3TENCHARACTERS",
            "RawSecretAccessKey": "PleaseReplaceThisWithSomeSecretOfLength43To64",
        },
    }


@pytest.mark.sqlite_files
def test_no_secret_lies_in_the_files(tmp_path: Path, holder_storage: Storage, safe: Safe, clock: SetClock) -> None:
    create_credential(holder_storage, safe, clock, key_store="dev", given=GIVEN)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert GIVEN.access_key_id.encode() in content
    assert GIVEN.secret_access_key.reveal() not in content
