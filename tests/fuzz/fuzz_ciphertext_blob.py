"""Invariant: any bytes are either refused as malformed, or a blob whose parts encode to exactly these bytes again."""

from __future__ import annotations

from hyok.kms.ciphertext_blob import (
    BlobKind,
    CiphertextBlob,
    MalformedBlobError,
    encode_external_body,
    encode_header,
    parse_blob,
)
from hyok.kms.values import OuterSealed

_KEY = {"account": "123456789012", "key_id": "1234abcd-12ab-34cd-56ef-1234567890ab"}


def _encode(blob: CiphertextBlob) -> bytes:
    kind = BlobKind.EXTERNAL if isinstance(blob.body, OuterSealed) else BlobKind.ORDINARY
    header = encode_header(
        kind, account=blob.account, key_id=blob.key_id, backing_key=blob.backing_key, derivation=blob.derivation
    )
    return header + (encode_external_body(blob.body) if isinstance(blob.body, OuterSealed) else blob.body)


SEEDS = (
    encode_header(BlobKind.ORDINARY, **_KEY, backing_key=1, derivation=bytes(16)) + bytes(48),
    encode_header(BlobKind.EXTERNAL, **_KEY, backing_key=7, derivation=bytes(16))
    + encode_external_body(OuterSealed(bytes(48), bytes(12), bytes(16), b"\x01\x00\x00\x00\x01")),
    encode_header(BlobKind.EXTERNAL, **_KEY, backing_key=7, derivation=bytes(16))
    + encode_external_body(OuterSealed(bytes(17), bytes(16), bytes(16), b"")),
)


def fuzz_one(data: bytes) -> None:
    """Parse, and encode again what was parsed."""
    try:
        blob = parse_blob(data)
    except MalformedBlobError:
        return
    assert blob.header + data[len(blob.header) :] == data
    assert _encode(blob) == data
