from __future__ import annotations

import pytest

from hyok.kms.ciphertext_blob import (
    HEADER_BYTES,
    MAX_BLOB_BYTES,
    BlobKind,
    MalformedBlobError,
    encode_external_body,
    encode_header,
    parse_blob,
)
from hyok.kms.encryption_context import MAX_CANONICAL_BYTES
from hyok.kms.values import OuterSealed

KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
DERIVATION = bytes(range(16))
OUTER = OuterSealed(ciphertext=b"c" * 48, iv=b"i" * 12, tag=b"t" * 16, metadata=b"\x01\x00\x00\x00\x07")


def header(kind: BlobKind) -> bytes:
    return encode_header(kind, account="000000000042", key_id=KEY_ID, backing_key=3, derivation=DERIVATION)


ORDINARY = header(BlobKind.ORDINARY) + b"x" * 17
EXTERNAL = header(BlobKind.EXTERNAL) + encode_external_body(OUTER)


def test_format_1_never_changes() -> None:
    assert ORDINARY.hex() == (
        "01" "01" "000000002a" "1234abcd12ab34cd56ef1234567890ab" "00000003"
        "000102030405060708090a0b0c0d0e0f" + "78" * 17
    )  # fmt: skip
    assert EXTERNAL[HEADER_BYTES:].hex() == (
        "0c" + "69" * 12 + "05" "0100000007" + "74" * 16 + "0030" + "63" * 48
    )  # fmt: skip


def test_an_ordinary_blob_comes_apart() -> None:
    blob = parse_blob(ORDINARY)
    assert blob.header == ORDINARY[:HEADER_BYTES]
    assert (blob.account, blob.key_id, blob.backing_key) == ("000000000042", KEY_ID, 3)
    assert blob.derivation == DERIVATION
    assert blob.body == b"x" * 17


def test_an_external_blob_comes_apart() -> None:
    assert parse_blob(EXTERNAL).body == OUTER


def test_header_and_largest_context_fill_the_aad_of_every_proxy() -> None:
    assert HEADER_BYTES + MAX_CANONICAL_BYTES == 8192


def test_the_largest_external_blob_fits_what_aws_allows() -> None:
    largest = OuterSealed(ciphertext=b"c" * 4112, iv=b"i" * 16, tag=b"t" * 16, metadata=b"m" * 20)
    blob = header(BlobKind.EXTERNAL) + encode_external_body(largest)
    assert len(blob) == 4211
    assert parse_blob(blob).body == largest


@pytest.mark.parametrize("blob", [ORDINARY, EXTERNAL], ids=["ordinary", "external"])
def test_a_blob_that_is_cut_off_is_refused(blob: bytes) -> None:
    shortest = HEADER_BYTES + 17 if blob is ORDINARY else len(blob)
    for length in range(shortest):
        with pytest.raises(MalformedBlobError):
            parse_blob(blob[:length])


@pytest.mark.parametrize(
    ("blob", "complaint"),
    [
        (b"", "44 to 6144 bytes, not 0"),
        (b"\x02" + ORDINARY[1:], "the format is 2, known is 1"),
        (b"\x01\x03" + ORDINARY[2:], "the kind is 3, known are 1, 2"),
        (ORDINARY[:2] + (10**12).to_bytes(5, "big") + ORDINARY[7:], "more than 12 digits"),
        (ORDINARY[:23] + bytes(4) + ORDINARY[27:], "numbered from 1"),
        (ORDINARY + b"x" * 4096, "inner ciphertext has 4113 bytes"),
        (ORDINARY + b"x" * MAX_BLOB_BYTES, "bytes, not"),
        (EXTERNAL + b"x", "1 bytes follow the end"),
        (EXTERNAL[:HEADER_BYTES] + b"\x0d" + EXTERNAL[HEADER_BYTES + 1 :], "the IV has 13 bytes, not 12 or 16"),
        (
            header(BlobKind.EXTERNAL) + encode_external_body(OUTER._replace(metadata=b"m" * 21)),
            "the metadata has 21 bytes",
        ),
        (
            header(BlobKind.EXTERNAL) + encode_external_body(OUTER._replace(ciphertext=b"c" * 16)),
            "inner ciphertext has 16 bytes",
        ),
    ],
)
def test_a_malformed_blob_is_refused(blob: bytes, complaint: str) -> None:
    with pytest.raises(MalformedBlobError, match=complaint):
        parse_blob(blob)


def test_no_single_flipped_bit_turns_one_kind_into_the_other() -> None:
    assert (BlobKind.ORDINARY ^ BlobKind.EXTERNAL).bit_count() == 2
