"""The KMS's storage passes to another root key: backing keys, the secrets of stores, and those of principals."""

from __future__ import annotations

import base64
from pathlib import Path

from hyok.administration.principals import create_principal
from hyok.assembly.root_keys import sealed_columns
from hyok.clock import SystemClock
from hyok.custody.rewrapping import Resealing, begin, count_sealed, finish, reseal
from hyok.custody.root_key import LocalRootKey
from hyok.custody.safe import Safe, open_safe
from hyok.secret import Secret
from hyok.storage.changes import changes_since
from hyok.storage.engine import open_storage
from hyok.storage.schema import Side
from tests.unit.kms.running import ACCOUNT, ROOT, RunningKms, running_kms

SUCCESSOR = LocalRootKey(Secret(b"the root key that takes over...."))
COLUMNS = sealed_columns(Side.KMS)


def test_what_the_kms_keeps_is_sealed_anew_and_still_decrypts(tmp_path: Path) -> None:
    with running_kms(tmp_path) as kms:
        kms.add_store()
        ordinary, external = kms.create_key(), kms.create_external_key()
        kms.run(kms.rotate(kms.find(ordinary)))
        create_principal(
            kms.storage,
            open_safe(kms.storage, ROOT),
            SystemClock(),
            arn=f"arn:aws:iam::{ACCOUNT}:user/alice",
            tags={"team": "a"},
        )
        blobs = {arn: kms.call("Encrypt", {"KeyId": arn, "Plaintext": "aGVsbG8="}) for arn in (ordinary, external)}
        assert count_sealed(kms.storage, COLUMNS) == {
            "backing_keys": 6,
            "custom_key_stores": 2,
            "keys": 2,
            "principals": 1,
        }

    storage = open_storage(f"sqlite:///{tmp_path / 'kms.db'}", Side.KMS)
    key = begin(storage, SystemClock(), root=ROOT, successor=SUCCESSOR)
    safe = Safe(key.store_id, key.keks)
    assert reseal(storage, safe, COLUMNS) == Resealing(looked_at=11, resealed=11, unreadable=())

    with running_kms(tmp_path) as kms:  # under the former root, which opens it all the same
        for arn, blob in blobs.items():
            decrypted = kms.call("Decrypt", {"CiphertextBlob": base64_of(blob["CiphertextBlob"])})
            assert (decrypted["KeyId"], decrypted["Plaintext"]) == (arn, b"hello")
        kms.create_key()
    assert reseal(storage, safe, COLUMNS) == Resealing(looked_at=14, resealed=0, unreadable=())
    finish(storage, SystemClock(), root=SUCCESSOR)
    assert reseal(storage, open_safe(storage, SUCCESSOR), COLUMNS) == Resealing(14, 0, ())
    storage.close()


def test_what_another_process_seals_anew_at_once_is_trusted(tmp_path: Path) -> None:
    with running_kms(tmp_path) as one, running_kms(tmp_path) as other:
        key = one.create_key()
        begin(one.storage, SystemClock(), root=ROOT, successor=SUCCESSOR)
        follow(one)  # seals under the new key-encryption key from here on
        one.call("TagResource", {"KeyId": key, "Tags": [{"TagKey": "a", "TagValue": ""}]})
        made = one.create_key()
        follow(other)  # hears of all that in one go
        for arn in (key, made):
            assert other.call("Encrypt", {"KeyId": arn, "Plaintext": "aGVsbG8="})["KeyId"] == arn
        with running_kms(tmp_path) as third:
            assert third.call("Encrypt", {"KeyId": made, "Plaintext": "aGVsbG8="})["KeyId"] == made


def follow(kms: RunningKms) -> None:
    turns = kms.space.turns
    with kms.storage.reading() as connection:
        changes = changes_since(connection, turns.position)
    kms.run(turns.apply(changes))


def base64_of(content: bytes) -> str:

    return base64.b64encode(content).decode()
