"""A program of somebody who got hold of one side's files, or of both: does the protected object open?

`python -m tests.e2e.attacker OBJECT [--holder DIR] [--kms DIR]` prints `opened` or `sealed`. It takes everything the
files hold, keys unwrapped, and tries each as every key it could be.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select

from hyok.assembly.root_sources import open_root_key
from hyok.config.configuration import load_configuration
from hyok.custody.safe import Safe, open_safe
from hyok.dev.protected_object import ProtectedObject, read_object
from hyok.errors import HyokError
from hyok.keymanagers.embedded.material import open_material
from hyok.keymanagers.embedded.records import read_all_records, row_of, versions_of
from hyok.kms.backing_keys import BackingKeys
from hyok.kms.ciphertext_blob import CiphertextBlob, parse_blob
from hyok.kms.encryption_context import canonical_context
from hyok.kms.inner_layer import InnerCiphertextError, open_inner
from hyok.kms.repository import load_keys
from hyok.kms.row_seals import RowSeals
from hyok.kms.values import OuterSealed
from hyok.secret import Secret
from hyok.storage.engine import Storage, open_storage
from hyok.storage.schema import Side, credentials
from hyok.xks.aad import frame_aad

KEY_BYTES = 32


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("object", type=Path)
    parser.add_argument("--holder", type=Path)
    parser.add_argument("--kms", type=Path)
    arguments = parser.parse_args()
    protected = read_object(arguments.object)
    keys = [key for directory in (arguments.holder, arguments.kms) if directory for key in keys_of(directory)]
    assert keys, "nothing was found to try"
    print("opened" if opens(protected, keys) else "sealed")


def keys_of(directory: Path) -> Iterator[bytes]:
    """Yield every secret of a side: unwrapped keys, root, and all 32-byte runs of its small files."""
    configuration = load_configuration(directory / "hyok.toml", {})
    kms = configuration.kms
    settings = configuration.require_holder() if kms is None else kms
    root = open_root_key(settings.root_key.source)
    storage = open_storage(str(settings.storage.url), Side.HOLDER if kms is None else Side.KMS)
    try:
        safe = open_safe(storage, root)
        yield from external_keys(storage, safe) if kms is None else backing_keys(storage, safe)
    finally:
        storage.close()
    for file in directory.rglob("*"):
        if file.is_file() and file.stat().st_size < 5000 and file.suffix not in {".db", ".jsonl"}:
            content = file.read_bytes()
            yield from (content[at : at + KEY_BYTES] for at in range(len(content) - KEY_BYTES + 1))


def external_keys(storage: Storage, safe: Safe) -> Iterator[bytes]:
    with storage.reading() as connection:
        records = read_all_records(connection)
        assert connection.execute(select(credentials)).all()
    for key_id, record in records.items():
        for place, sealed in versions_of(record):
            yield open_material(safe, sealed, row=row_of(key_id, record), place=place).reveal()


def backing_keys(storage: Storage, safe: Safe) -> Iterator[bytes]:
    with storage.reading() as connection:
        stored = load_keys(connection, RowSeals(safe))
    opened = BackingKeys(safe, stored.backing_keys)
    for key in stored.keys:
        for number in range(1, key.backing_key + 1):
            material = opened.find(key, number)
            assert material is not None
            yield material.reveal()


def opens(protected: ProtectedObject, keys: list[bytes]) -> bool:
    blob = parse_blob(protected.wrapped_data_key)
    assert isinstance(blob.body, OuterSealed)
    aad = blob.header + canonical_context(protected.encryption_context)
    # 1. Any secret might be the data key itself.
    if any(is_data_key(protected, key) for key in keys):
        return True
    # 2. Any might be the external key, which removes the outer layer; what is below may be, or contain, the data key.
    inners = [inner for key in keys if (inner := open_outer(blob.body, key, aad)) is not None]
    texts = [*inners, protected.wrapped_data_key]
    if any(
        is_data_key(protected, text[at : at + KEY_BYTES]) for text in texts for at in range(len(text) - KEY_BYTES + 1)
    ):
        return True
    # 3. Any might be the backing key, for what was below the outer layer or for the ciphertext as it stands.
    candidates = [*inners, blob.body.ciphertext + blob.body.tag, blob.body.ciphertext]
    return any(try_inner(protected, blob, key, candidate, aad) for key in keys for candidate in candidates)


def is_data_key(protected: ProtectedObject, key: bytes) -> bool:
    try:
        protected.open(key)
    except (HyokError, ValueError):
        return False
    return True


def open_outer(outer: OuterSealed, key: bytes, aad: bytes) -> bytes | None:
    try:
        return AESGCM(key).decrypt(outer.iv, outer.ciphertext + outer.tag, frame_aad(aad, outer.metadata))
    except (InvalidTag, ValueError):
        return None


def try_inner(protected: ProtectedObject, blob: CiphertextBlob, key: bytes, candidate: bytes, aad: bytes) -> bool:
    try:
        return is_data_key(protected, open_inner(Secret(key), blob.derivation, candidate, aad))
    except InnerCiphertextError:
        return False


if __name__ == "__main__":
    main()
