"""A root key in an external key manager, which wraps and unwraps and never gives it out.

Wrapped: format 2, the key version in 4 bytes big-endian, 1 byte with the length of the IV, the IV, the tag of 16, the
ciphertext. Whoever assembles the process gives the two functions that ask the key manager.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from hyok.custody.errors import CustodyError, IntegrityError
from hyok.errors import HyokError

_FORMAT: Final = b"\x02"
_TAG_BYTES: Final = 16
_IV_BYTES: Final = (12, 16)


class Wrapped(NamedTuple):
    """What a key manager makes of a plaintext."""

    version: int
    iv: bytes
    tag: bytes
    ciphertext: bytes


class OutsideRoot:
    """A root key that is somewhere else."""

    def __init__(
        self, root_key_id: str, encrypt: Callable[[bytes, bytes], Wrapped], decrypt: Callable[[Wrapped, bytes], bytes]
    ) -> None:
        """Both take the context as additional authenticated data, and raise `HyokError`.

        `decrypt` raises IntegrityError for what does not open under the key.
        """
        self._id = root_key_id
        self._encrypt = encrypt
        self._decrypt = decrypt

    @property
    def id(self) -> str:
        """The kind of key manager and the key's name there."""
        return self._id

    def may_be(self, root_key_id: str) -> bool:
        """Tell whether it has this name."""
        return root_key_id == self._id

    def wrap(self, plaintext: bytes, context: bytes) -> bytes:
        """Have the key manager encrypt. CustodyError if it does not."""
        try:
            version, iv, tag, ciphertext = self._encrypt(plaintext, context)
        except HyokError as error:
            raise CustodyError(f"root key {self._id} cannot be used: {error}") from error
        return _FORMAT + version.to_bytes(4) + bytes((len(iv),)) + iv + tag + ciphertext

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Have the key manager decrypt. CustodyError if it does not; IntegrityError if the key does not open this."""
        parsed = _parse(wrapped)
        try:
            return self._decrypt(parsed, context)
        except IntegrityError:
            raise
        except HyokError as error:
            raise CustodyError(f"root key {self._id} cannot be used: {error}") from error


def _parse(wrapped: bytes) -> Wrapped:
    iv_end = 6 + (wrapped[5] if len(wrapped) > 5 else 0)
    tag_end = iv_end + _TAG_BYTES
    if wrapped[:1] != _FORMAT or iv_end - 6 not in _IV_BYTES or len(wrapped) < tag_end:
        raise IntegrityError(f"{len(wrapped)} bytes were not wrapped by a key manager")
    return Wrapped(int.from_bytes(wrapped[1:5]), wrapped[6:iv_end], wrapped[iv_end:tag_end], wrapped[tag_end:])
