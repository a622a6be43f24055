"""Invariant: any bytes from a server are read as what was asked for, or refused as malformed, or are its refusal.

Whatever was asked, in whatever version; nothing but MalformedMessageError and RefusedError is ever raised.
"""

from __future__ import annotations

from hyok.keymanagers.kmip.messages import RefusedError, decode_response
from hyok.keymanagers.kmip.requests import (
    Create,
    Decrypt,
    DiscoverVersions,
    Encrypt,
    GetAttributes,
    Locate,
    ObjectRequest,
    Query,
    ReKey,
)
from hyok.keymanagers.kmip.ttlv import MalformedMessageError
from hyok.keymanagers.kmip.vocabulary import KMIP_1_4, KMIP_2_1, Operation
from tests.fuzz.fuzz_kmip_message import SEEDS as MESSAGES

SEEDS = tuple(seed for seed in MESSAGES if seed.startswith(b"\x42\x00\x7b"))
_REQUESTS = (
    DiscoverVersions(()),
    Query(),
    Locate(()),
    GetAttributes("key-2"),
    Create(()),
    ReKey("key-1"),
    Encrypt("key-1", b"plaintext", b"", None),
    Decrypt("key-1", b"ciphertex", b"", b"", b""),
    ObjectRequest(Operation.ACTIVATE, "key-2"),
)


def fuzz_one(data: bytes) -> None:
    """Read the data as the response to each operation."""
    for request in _REQUESTS:
        try:
            (result,) = decode_response(data, [request.operation]).results
        except (MalformedMessageError, RefusedError):
            continue
        if isinstance(result, RefusedError):
            continue
        for version in (KMIP_1_4, KMIP_2_1):
            try:
                request.decode(result, version)
            except MalformedMessageError:
                continue
