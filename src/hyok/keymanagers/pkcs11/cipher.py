"""AES-GCM on one PKCS#11 session: two calls an operation, into memory that is kept.

The size of the output is known, so it is not asked for first; a wrong tag ends the operation in the token and leaves
the session usable.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import c_ulong
from typing import Final

from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import Sealed
from hyok.keymanagers.pkcs11.constants import CKM_AES_GCM, TAG_BITS, TAG_BYTES
from hyok.keymanagers.pkcs11.dialects import Dialect, IvBits, IvSource
from hyok.keymanagers.pkcs11.library import CryptokiError, Library
from hyok.keymanagers.pkcs11.structures import GcmParameters, GcmParametersWithoutIvBits, Mechanism

_LONGEST_IV_BYTES: Final = 16
_OUTPUT_BYTES: Final = 8192
"""More than the XKS proxy API sends; a longer output gets a larger buffer."""


class CipherSession:
    """One session and the memory its calls use. Belongs to one thread."""

    def __init__(self, library: Library, handle: int, dialect: Dialect) -> None:
        self.library = library
        self.handle = handle
        self._dialect = dialect
        self._iv_length = dialect.iv_bytes
        has_iv_bits = dialect.iv_bits is not IvBits.ABSENT
        self._parameters = GcmParameters() if has_iv_bits else GcmParametersWithoutIvBits()
        self._parameters.tag_bits = TAG_BITS
        self._bits_per_byte = 8 if dialect.iv_bits is IvBits.LENGTH else 0
        self._mechanism = Mechanism(
            mechanism=CKM_AES_GCM,
            parameter=ctypes.addressof(self._parameters),
            parameter_length=ctypes.sizeof(self._parameters),
        )
        self._mechanism_at = ctypes.addressof(self._mechanism)
        self._iv_buffer = ctypes.create_string_buffer(_LONGEST_IV_BYTES)
        self._iv_at = ctypes.addressof(self._iv_buffer)
        self._length = c_ulong()
        self._length_at = ctypes.addressof(self._length)
        self._enlarge_output(_OUTPUT_BYTES)

    def encrypt(self, key: int, plaintext: bytes, aad: bytes) -> Sealed:
        """Encrypt. CryptokiError; KeyManagerError UNAVAILABLE if the answer cannot be trusted."""
        match self._dialect.iv_source:
            case IvSource.HOST:
                iv = os.urandom(self._iv_length)
                output = self._encrypt(key, plaintext, aad, iv, self._iv_length, tail=0)
            case IvSource.WRITTEN_BACK:
                output = self._encrypt(key, plaintext, aad, self._zeros(), self._iv_length, tail=0)
                iv = _made(self._iv_buffer.raw[: self._iv_length])
            case IvSource.APPENDED:
                passed, length = (self._zeros(), self._iv_length) if self._dialect.passes_zeros else (None, 0)
                output = self._encrypt(key, plaintext, aad, passed, length, tail=self._iv_length)
                iv = _made(output[-self._iv_length :])
        length = len(plaintext)
        return Sealed(output[:length], iv, output[length : length + TAG_BYTES])

    def decrypt(self, key: int, sealed: Sealed, aad: bytes) -> bytes:
        """Decrypt. CryptokiError also for a wrong tag: what its code means is the caller's business."""
        ciphertext = sealed.ciphertext + sealed.tag
        self._set_parameters(sealed.iv, len(sealed.iv), aad)
        code = self.library.decrypt_init(self.handle, self._mechanism_at, key)
        if code:
            raise CryptokiError("C_DecryptInit", code)
        # Room for the tag as well: some tokens ask for it.
        self._length.value = self._make_room(len(ciphertext))
        code = self.library.decrypt(self.handle, ciphertext, len(ciphertext), self._output_at, self._length_at)
        if code:
            raise CryptokiError("C_Decrypt", code)
        if self._length.value != len(sealed.ciphertext):
            raise _unexpected("C_Decrypt", self._length.value, len(sealed.ciphertext))
        return ctypes.string_at(self._output_at, self._length.value)

    def close(self) -> None:
        """Close the session. CryptokiError if it was gone already."""
        self.library.close_session(self.handle)

    def _encrypt(
        self, key: int, plaintext: bytes, aad: bytes, iv: bytes | int | None, iv_length: int, *, tail: int
    ) -> bytes:
        self._set_parameters(iv, iv_length, aad)
        code = self.library.encrypt_init(self.handle, self._mechanism_at, key)
        if code:
            raise CryptokiError("C_EncryptInit", code)
        expected = len(plaintext) + TAG_BYTES + tail
        self._length.value = self._make_room(expected)
        code = self.library.encrypt(self.handle, plaintext, len(plaintext), self._output_at, self._length_at)
        if code:
            raise CryptokiError("C_Encrypt", code)
        if self._length.value != expected:
            raise _unexpected("C_Encrypt", self._length.value, expected)
        return ctypes.string_at(self._output_at, expected)

    def _set_parameters(self, iv: bytes | int | None, iv_length: int, aad: bytes) -> None:
        parameters = self._parameters
        parameters.iv = iv
        parameters.iv_length = iv_length
        if type(parameters) is GcmParameters:
            parameters.iv_bits = iv_length * self._bits_per_byte
        parameters.aad = aad or None
        parameters.aad_length = len(aad)

    def _zeros(self) -> int:
        ctypes.memset(self._iv_at, 0, _LONGEST_IV_BYTES)
        return self._iv_at

    def _make_room(self, size: int) -> int:
        if size > self._output_bytes:
            self._enlarge_output(size)
        return self._output_bytes

    def _enlarge_output(self, size: int) -> None:
        self._output = ctypes.create_string_buffer(size)
        self._output_at = ctypes.addressof(self._output)
        self._output_bytes = size


def _made(iv: bytes) -> bytes:
    if any(iv):
        return iv
    raise KeyManagerError(
        KeyManagerFailure.UNAVAILABLE,
        "the token left the IV as it was passed, all zeros; the ciphertext was thrown away, because everything would "
        "be encrypted under one IV. Check the preset and the `iv` setting",
    )


def _unexpected(function: str, size: int, expected: int) -> KeyManagerError:
    return KeyManagerError(
        KeyManagerFailure.UNAVAILABLE,
        f"{function} returned {size} bytes where {expected} belong; check the preset and the `iv` settings",
    )
