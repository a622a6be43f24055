"""The ciphertext that KMS gives its callers, format 1, as `docs/ciphertext-blob.md` fixes it for ever. No I/O.

    header       43 bytes
      format        1 byte    1
      kind          1 byte    1 ordinary, 2 external
      account       5 bytes   the 12 digits as a big-endian number
      key id       16 bytes   the UUID
      backing key   4 bytes   big-endian, from 1
      derivation   16 bytes   random; the message's key is derived from the backing key and this
    body, ordinary: the inner ciphertext: AES-256-GCM ciphertext and its 16-byte tag
    body, external: what the proxy gave for the inner ciphertext
      IV            1 byte of length (12 or 16), the IV
      metadata      1 byte of length (0 to 20), the metadata
      tag          16 bytes
      ciphertext    2 bytes of length, the ciphertext

The header followed by the canonical encryption context is the AAD of the inner layer and of the outer one. Each blob
has exactly one encoding and the parser takes no other.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from hyok.errors import HyokError
from hyok.kms.values import OuterSealed

FORMAT: Final = 1
HEADER_BYTES: Final = 43
DERIVATION_BYTES: Final = 16
TAG_BYTES: Final = 16
MAX_BLOB_BYTES: Final = 6144
MAX_PLAINTEXT_BYTES: Final = 4096
MAX_METADATA_BYTES: Final = 20

_DERIVATION_AT: Final = 27
_IV_BYTES: Final = (12, 16)
_ACCOUNTS: Final = 10**12


class BlobKind(IntEnum):
    """Which layers a blob has. The numbers are part of the format; one flipped bit never turns one into another."""

    ORDINARY = 1
    EXTERNAL = 2


class MalformedBlobError(HyokError):
    """These bytes are not a ciphertext blob of ours, or not a whole one."""


class CiphertextBlob(NamedTuple):
    """A parsed blob. Nothing in it is authenticated yet."""

    header: bytes
    account: str
    key_id: str
    backing_key: int
    derivation: bytes
    body: bytes | OuterSealed
    """The inner ciphertext of an ordinary key, or the outer one of a key in an external key store."""


def encode_header(kind: BlobKind, *, account: str, key_id: str, backing_key: int, derivation: bytes) -> bytes:
    """Return the 43 bytes every blob begins with; `derivation` has 16."""
    return b"%c%c%b%b%b%b" % (
        FORMAT,
        kind,
        int(account).to_bytes(5, "big"),
        bytes.fromhex(key_id.replace("-", "")),
        backing_key.to_bytes(4, "big"),
        derivation,
    )


def encode_external_body(outer: OuterSealed) -> bytes:
    """Return the body of a blob of kind EXTERNAL."""
    return b"%c%b%c%b%b%b%b" % (
        len(outer.iv),
        outer.iv,
        len(outer.metadata),
        outer.metadata,
        outer.tag,
        len(outer.ciphertext).to_bytes(2, "big"),
        outer.ciphertext,
    )


def parse_blob(blob: bytes) -> CiphertextBlob:
    """Take a blob apart. Raises `MalformedBlobError` unless encoding the parts again would give the same bytes."""
    if not HEADER_BYTES < len(blob) <= MAX_BLOB_BYTES:
        raise MalformedBlobError(f"a blob has {HEADER_BYTES + 1} to {MAX_BLOB_BYTES} bytes, not {len(blob)}")
    if blob[0] != FORMAT:
        raise MalformedBlobError(f"the format is {blob[0]}, known is {FORMAT}")
    account = int.from_bytes(blob[2:7], "big")
    if account >= _ACCOUNTS:
        raise MalformedBlobError("the account has more than 12 digits")
    backing_key = int.from_bytes(blob[23:_DERIVATION_AT], "big")
    if backing_key == 0:
        raise MalformedBlobError("backing keys are numbered from 1")
    key_id = blob[7:23].hex()
    return CiphertextBlob(
        blob[:HEADER_BYTES],
        f"{account:012}",
        f"{key_id[:8]}-{key_id[8:12]}-{key_id[12:16]}-{key_id[16:20]}-{key_id[20:]}",
        backing_key,
        blob[_DERIVATION_AT:HEADER_BYTES],
        _parse_body(blob[1], blob[HEADER_BYTES:]),
    )


def _parse_body(kind: int, body: bytes) -> bytes | OuterSealed:
    if kind == BlobKind.ORDINARY:
        _check_inner_length(len(body))
        return body
    if kind == BlobKind.EXTERNAL:
        return _parse_external_body(body)
    raise MalformedBlobError(f"the kind is {kind}, known are {', '.join(str(int(known)) for known in BlobKind)}")


def _parse_external_body(body: bytes) -> OuterSealed:
    iv, rest = _take_framed(body, 1)
    if len(iv) not in _IV_BYTES:
        raise MalformedBlobError(f"the IV has {len(iv)} bytes, not 12 or 16")
    metadata, rest = _take_framed(rest, 1)
    if len(metadata) > MAX_METADATA_BYTES:
        raise MalformedBlobError(f"the metadata has {len(metadata)} bytes, at most {MAX_METADATA_BYTES} are allowed")
    tag, rest = rest[:TAG_BYTES], rest[TAG_BYTES:]
    ciphertext, rest = _take_framed(rest, 2)
    if rest:
        raise MalformedBlobError(f"{len(rest)} bytes follow the end")
    _check_inner_length(len(ciphertext))
    return OuterSealed(ciphertext, iv, tag, metadata)


def _take_framed(rest: bytes, length_bytes: int) -> tuple[bytes, bytes]:
    end = length_bytes + int.from_bytes(rest[:length_bytes], "big")
    if len(rest) < end:
        raise MalformedBlobError(f"cut off: {end} bytes announced, {len(rest)} there")
    return rest[length_bytes:end], rest[end:]


def _check_inner_length(length: int) -> None:
    if not TAG_BYTES < length <= MAX_PLAINTEXT_BYTES + TAG_BYTES:
        raise MalformedBlobError(
            f"the inner ciphertext has {length} bytes, not {TAG_BYTES + 1} to {MAX_PLAINTEXT_BYTES + TAG_BYTES}"
        )
