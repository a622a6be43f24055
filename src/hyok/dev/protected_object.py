"""An object encrypted as an AWS service does it: under a data key that is kept only wrapped, beside the object."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hyok.errors import NotDoneError

_IV_BYTES = 12


class ProtectedObject(msgspec.Struct, frozen=True):
    """What lies on disk: nothing in it opens without KMS and the external key manager both."""

    key_arn: str
    encryption_context: dict[str, str]
    wrapped_data_key: bytes
    iv: bytes
    ciphertext: bytes
    """With the 16-byte tag at its end."""

    def open(self, data_key: bytes) -> bytes:
        """Decrypt the object. NotDoneError if `data_key` is another key than the one that sealed it."""
        try:
            return AESGCM(data_key).decrypt(self.iv, self.ciphertext, _bind(self.encryption_context))
        except InvalidTag as error:
            raise NotDoneError("the object does not open under this data key") from error


def protect(
    plaintext: bytes, data_key: bytes, *, wrapped_data_key: bytes, key_arn: str, encryption_context: dict[str, str]
) -> ProtectedObject:
    """Encrypt `plaintext` with AES-256-GCM under the 32-byte data key, which the caller then forgets."""
    iv = os.urandom(_IV_BYTES)
    ciphertext = AESGCM(data_key).encrypt(iv, plaintext, _bind(encryption_context))
    return ProtectedObject(key_arn, encryption_context, wrapped_data_key, iv, ciphertext)


def write_object(path: Path, protected: ProtectedObject) -> None:
    """Write the object durably, replacing an older one only when the new one is whole."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(msgspec.json.encode(protected))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_object(path: Path) -> ProtectedObject:
    """Read an object written by `write_object`. NotDoneError if the file holds something else."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=ProtectedObject)
    except msgspec.DecodeError as error:
        raise NotDoneError(f"{path} is not an object that hyok dev protected: {error}") from error


def _bind(encryption_context: dict[str, str]) -> bytes:
    return msgspec.json.encode(encryption_context, order="deterministic")
