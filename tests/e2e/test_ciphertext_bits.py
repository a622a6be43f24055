"""Each single bit of a ciphertext, flipped: refused through the whole service, by the part that has to notice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from hyok.kms.ciphertext_blob import HEADER_BYTES
from hyok.kms.encryption_context import MAX_CANONICAL_BYTES
from hyok.testing.dev_server import DevServer
from tests.e2e.wire import kms_wire
from tests.sizes import size

CONTEXTS = {
    "no context": {},
    "two pairs": {"customer": "nile", "straße": "ü"},
    "the largest context": {"a": "x" * (MAX_CANONICAL_BYTES - 5)},
}
LARGEST = size(usual=1, nightly=4096)
NO_SUCH_KEY = (
    "User: arn:aws:iam::123456789012:user/test is not authorized to perform: kms:{} on the resource associated with "
    "this ciphertext because the resource does not exist in this Region, no resource-based policies allow access, or a "
    "resource-based policy explicitly denies access"
)
PROXY_REFUSES = (
    "The external key store proxy rejected the request because the specified ciphertext or encryption context is "
    "corrupted, missing, or otherwise invalid."
)
INVALID = ("InvalidCiphertextException", None, 400)
REFUSED = ("KMSInvalidStateException", PROXY_REFUSES, 400)


@pytest.fixture(scope="module")
def kms(hyok_dev: DevServer) -> Any:
    return boto3.client("kms", **hyok_dev.client_settings)


@pytest.fixture(scope="module")
def keys(hyok_dev: DevServer, kms: Any) -> dict[str, str]:
    return {"external": hyok_dev.key_arn, "ordinary": kms.create_key()["KeyMetadata"]["Arn"]}


def noticed(blob: bytes, position: int, action: str) -> set[tuple[str, str | None, int]]:
    """What may come of a flipped bit in a byte, as docs/ciphertext-blob.md says."""
    unknown = ("AccessDeniedException", NO_SUCH_KEY.format(action), 400)
    if position < 2 or 23 <= position < 27:  # format and kind; backing key
        return {INVALID}
    if position < 7:  # account: five bytes hold more than twelve digits
        return {unknown, INVALID} if position == 2 else {unknown}
    if position < 23:
        return {unknown}
    if blob[1] == 1:
        return {INVALID}
    return {INVALID} if position in lengths(blob) else {REFUSED}


def lengths(blob: bytes) -> Iterator[int]:
    """Yield where an external blob says how long its parts are."""
    metadata = HEADER_BYTES + 1 + blob[HEADER_BYTES]
    ciphertext = metadata + 1 + blob[metadata] + 16
    yield from (HEADER_BYTES, metadata, ciphertext, ciphertext + 1)


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("kind", ["external", "ordinary"])
def test_no_bit_of_a_ciphertext_can_be_flipped(
    hyok_dev: DevServer, kms: Any, keys: dict[str, str], kind: str, context: str
) -> None:
    for plaintext_bytes in sorted({1, LARGEST}):
        blob = kms.encrypt(KeyId=keys[kind], Plaintext=b"x" * plaintext_bytes, EncryptionContext=CONTEXTS[context])[
            "CiphertextBlob"
        ]
        refuse_every_flip(hyok_dev, "Decrypt", blob, {"EncryptionContext": CONTEXTS[context]})


@pytest.mark.parametrize("operation", ["generate_data_key", "generate_data_key_without_plaintext"])
def test_no_bit_of_a_data_keys_ciphertext_can_be_flipped(
    hyok_dev: DevServer, kms: Any, keys: dict[str, str], operation: str
) -> None:
    blob = getattr(kms, operation)(KeyId=keys["external"], NumberOfBytes=16)["CiphertextBlob"]
    refuse_every_flip(hyok_dev, "Decrypt", blob, {})


@pytest.mark.parametrize("kind", ["external", "ordinary"])
def test_no_bit_can_be_flipped_on_the_way_into_reencrypt(
    hyok_dev: DevServer, kms: Any, keys: dict[str, str], kind: str
) -> None:
    blob = kms.encrypt(KeyId=keys[kind], Plaintext=b"x")["CiphertextBlob"]
    refuse_every_flip(hyok_dev, "ReEncrypt", blob, {"DestinationKeyId": keys["ordinary"]})


def refuse_every_flip(hyok_dev: DevServer, operation: str, blob: bytes, request: dict[str, Any]) -> None:
    with kms_wire(hyok_dev) as wire:
        for position in range(len(blob)):
            allowed = noticed(blob, position, {"ReEncrypt": "ReEncryptFrom"}.get(operation, operation))
            for bit in range(8):
                altered = bytearray(blob)
                altered[position] ^= 1 << bit
                found = wire.ask(operation, request | {"CiphertextBlob": bytes(altered)}).refusal
                assert found in allowed, f"bit {bit} of byte {position}"
        assert wire.ask(operation, request | {"CiphertextBlob": blob}).status == 200, "unaltered, it opens"
