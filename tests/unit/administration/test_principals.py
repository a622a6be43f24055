from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hyok.administration.principals import (
    FULL_ACCESS,
    NewPrincipal,
    create_principal,
    delete_principal,
    get_principal,
    list_principals,
    principal_arn,
)
from hyok.custody.root_key import LocalRootKey
from hyok.custody.safe import Safe, open_safe
from hyok.errors import NotDoneError
from hyok.kms.principals import IdentityPolicy
from hyok.secret import Secret
from hyok.storage.engine import Storage, open_storage
from hyok.storage.schema import Side
from tests.storages import storage_url
from tests.unit.storage.fixtures import SetClock

ACCOUNT = "123456789012"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"


@pytest.fixture
def kms_storage(tmp_path: Path) -> Iterator[Storage]:
    storage = open_storage(storage_url(tmp_path / "kms.db", Side.KMS), Side.KMS)
    yield storage
    storage.close()


@pytest.fixture
def kms_safe(kms_storage: Storage) -> Safe:
    return open_safe(kms_storage, LocalRootKey(Secret(bytes(32))))


def make(storage: Storage, safe: Safe, arn: str = ALICE, *policies: IdentityPolicy) -> NewPrincipal:
    return create_principal(storage, safe, SetClock(5.0), arn=arn, policies=policies, tags={})


@pytest.mark.parametrize(
    ("name", "arn"),
    [
        ("alice", ALICE),
        ("team/alice", f"arn:aws:iam::{ACCOUNT}:user/team/alice"),
        ("root", f"arn:aws:iam::{ACCOUNT}:root"),
        ("arn:aws:iam::111122223333:role/x/app", "arn:aws:iam::111122223333:role/x/app"),
        ("arn:aws:sts::111122223333:assumed-role/app/run", "arn:aws:sts::111122223333:assumed-role/app/run"),
        ("arn:aws-cn:iam::111122223333:root", "arn:aws-cn:iam::111122223333:root"),
    ],
)
def test_a_name_stands_for_a_user_or_an_arn_for_itself(name: str, arn: str) -> None:
    assert principal_arn(name, account=ACCOUNT, region="eu-central-1") == arn


def test_a_user_is_in_the_partition_of_the_region() -> None:
    assert principal_arn("a", account=ACCOUNT, region="cn-north-1") == f"arn:aws-cn:iam::{ACCOUNT}:user/a"


@pytest.mark.parametrize("name", ["", "a b", "arn:aws:iam::1:user/a", f"arn:aws:s3::{ACCOUNT}:user/a", "ü" * 3 + " "])
def test_what_can_be_no_principal_is_refused(name: str) -> None:
    with pytest.raises(NotDoneError, match="names no principal"):
        principal_arn(name, account=ACCOUNT, region="eu-central-1")


def test_a_credential_is_of_aws_s_form_and_new_each_time(kms_storage: Storage, kms_safe: Safe) -> None:
    made = [make(kms_storage, kms_safe, f"{ALICE}{number}").credential for number in range(5)]
    assert all(re.fullmatch("HYOK[A-Z2-7]{16}", credential.access_key_id) for credential in made)
    assert all(re.fullmatch(b"[A-Za-z0-9+/]{40}", credential.secret_access_key.reveal()) for credential in made)
    assert len({credential.access_key_id for credential in made}) == 5


def test_principals_are_listed_by_arn(kms_storage: Storage, kms_safe: Safe) -> None:
    make(kms_storage, kms_safe, f"{ALICE}2")
    first = make(kms_storage, kms_safe, ALICE, FULL_ACCESS).principal
    assert [each.arn for each in list_principals(kms_storage)] == [ALICE, f"{ALICE}2"]
    assert get_principal(kms_storage, ALICE) == first
    assert first.created_at == 5.0


def test_an_arn_is_had_once(kms_storage: Storage, kms_safe: Safe) -> None:
    make(kms_storage, kms_safe)
    with pytest.raises(NotDoneError, match=f"principal {ALICE} exists already"):
        make(kms_storage, kms_safe)
    delete_principal(kms_storage, SetClock(), ALICE)
    make(kms_storage, kms_safe)


def test_a_principal_that_is_not_there_is_not_deleted(kms_storage: Storage) -> None:
    with pytest.raises(NotDoneError, match=f"there is no principal {ALICE}"):
        delete_principal(kms_storage, SetClock(), ALICE)


def test_a_policy_that_cannot_be_read_is_refused_with_its_place(kms_storage: Storage, kms_safe: Safe) -> None:
    with pytest.raises(NotDoneError, match="identity policy 'mine' cannot be read: line 1, column"):
        make(kms_storage, kms_safe, ALICE, IdentityPolicy("mine", '{"Statement": [{"Effect": "Perhaps"}]}'))
    document = FULL_ACCESS.document.replace('"Effect"', '"Principal": "*", "Effect"')
    with pytest.raises(NotDoneError, match="an identity policy has no Principal"):
        make(kms_storage, kms_safe, ALICE, IdentityPolicy("mine", document))
    assert list_principals(kms_storage) == ()


def test_two_policies_of_one_name_are_refused(kms_storage: Storage, kms_safe: Safe) -> None:
    with pytest.raises(NotDoneError, match="two identity policies are named 'full-access'"):
        make(kms_storage, kms_safe, ALICE, FULL_ACCESS, FULL_ACCESS)


def test_policies_do_not_bind_a_root_user(kms_storage: Storage, kms_safe: Safe) -> None:
    with pytest.raises(NotDoneError, match="is a root user, which has all rights"):
        make(kms_storage, kms_safe, f"arn:aws:iam::{ACCOUNT}:root", FULL_ACCESS)
