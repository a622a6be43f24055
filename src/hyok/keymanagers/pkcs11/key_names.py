"""The names of keys: which object on the token a manager's key id means, and which version of a key an object is.

A key id is the key's CKA_LABEL, or `id:` and its CKA_ID in hexadecimal. All secret keys of one label are the versions
of one key. Those made by hyok say in their CKA_ID which version they are; a key made by others, whatever its CKA_ID, is
version 1.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from hyok.keymanagers.interface import KeyUsage

_ID_PREFIX: Final = "id:"
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){1,128}")
_MAX_LABEL_BYTES: Final = 255

_MARK: Final = b"hyok"
_MARK_BYTES: Final = 13
_USAGE_BITS: Final = ((1, KeyUsage.ENCRYPT), (2, KeyUsage.DECRYPT))
MAX_VERSION: Final = 2**32 - 1


class KeyName(NamedTuple):
    """What a key id means: exactly one of the two is set."""

    label: str = ""
    id: bytes = b""


class VersionMark(NamedTuple):
    """What hyok writes into the CKA_ID of a key it makes."""

    number: int
    """1 to 2^32 - 1."""
    usages: frozenset[KeyUsage]
    """What the key is for, also while it is disabled and its attributes say nothing."""
    created_at: int
    """Unix seconds, below 2^32."""


def parse_key_id(key_id: str) -> KeyName:
    """Read a manager's key id. ValueError, in words for the operator, if no key can be called so."""
    if key_id.startswith(_ID_PREFIX):
        digits = key_id.removeprefix(_ID_PREFIX)
        if not _HEX.fullmatch(digits):
            raise ValueError(f"{key_id!r} is no key id: after `id:` stands a CKA_ID in hexadecimal, such as id:0a1b")
        return KeyName(id=bytes.fromhex(digits))
    try:
        label = key_id.encode()
    except UnicodeEncodeError as error:
        raise ValueError("a key id that is no text") from error
    if not label or len(label) > _MAX_LABEL_BYTES or "\0" in key_id:
        raise ValueError(f"a key id is a label (CKA_LABEL) of 1 to {_MAX_LABEL_BYTES} bytes; this one has {len(label)}")
    return KeyName(label=key_id)


def id_form(key_id: bytes) -> str:
    """Return the key id that means the object with this CKA_ID."""
    return _ID_PREFIX + key_id.hex()


def encode_version_mark(mark: VersionMark) -> bytes:
    """Return 13 bytes: `hyok`, the version's number (4, big-endian), usages (1), time of creation (4, big-endian)."""
    usages = sum(bit for bit, usage in _USAGE_BITS if usage in mark.usages)
    return _MARK + mark.number.to_bytes(4, "big") + bytes((usages,)) + mark.created_at.to_bytes(4, "big")


def decode_version_mark(key_id: bytes) -> VersionMark | None:
    """Read a CKA_ID; None if hyok did not write it."""
    if len(key_id) != _MARK_BYTES or not key_id.startswith(_MARK):
        return None
    number = int.from_bytes(key_id[4:8], "big")
    usages = frozenset(usage for bit, usage in _USAGE_BITS if key_id[8] & bit)
    if not number or not usages or key_id[8] > 3:
        return None
    return VersionMark(number, usages, int.from_bytes(key_id[9:], "big"))
