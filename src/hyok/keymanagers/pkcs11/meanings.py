"""What a return code means for whoever called: data, so that a maker's habits are a table and not a branch."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from hyok.keymanagers.pkcs11.constants import ReturnCode


class Meaning(Enum):
    """How to go on after a function failed."""

    REJECTED = auto()
    """The ciphertext was altered."""
    SUSPECT = auto()
    """Either what was asked is wrong or the token is broken: a test key tells."""
    KEY_STALE = auto()
    """The key's handle is good no more: find the key anew."""
    NOT_PERMITTED = auto()
    """The key is disabled or not made for this: read its attributes."""
    SESSION_SPOILT = auto()
    """The session is in the midst of something: open another."""
    LOST = auto()
    """The token, the login or the library's state is gone: recover."""
    BUSY = auto()
    UNSUPPORTED = auto()
    FAILED = auto()
    """This call failed; the token is fine."""


def meaning_of(function: str, code: int, *, decrypt_codes: Mapping[int, Meaning]) -> Meaning:
    """Return what a code means. In decryption a code that nobody listed may well be a maker's word for a wrong tag."""
    if is_of_decryption(function):
        meaning = decrypt_codes.get(code) or _DECRYPT_CODES.get(code) or _CODES.get(code)
        return meaning or Meaning.SUSPECT
    return _CODES.get(code, Meaning.SUSPECT)


def is_of_decryption(function: str) -> bool:
    """Tell whether a function is one that an altered ciphertext makes fail."""
    return function in _DECRYPTION


_DECRYPTION: Final = frozenset({"C_DecryptInit", "C_Decrypt"})

_C: Final = ReturnCode

_CODES: Final[Mapping[int, Meaning]] = {
    _C.CKR_SLOT_ID_INVALID: Meaning.LOST,
    _C.CKR_DEVICE_ERROR: Meaning.LOST,
    _C.CKR_DEVICE_REMOVED: Meaning.LOST,
    _C.CKR_SESSION_CLOSED: Meaning.LOST,
    _C.CKR_SESSION_HANDLE_INVALID: Meaning.LOST,
    _C.CKR_TOKEN_NOT_PRESENT: Meaning.LOST,
    _C.CKR_TOKEN_NOT_RECOGNIZED: Meaning.LOST,
    _C.CKR_USER_NOT_LOGGED_IN: Meaning.LOST,
    _C.CKR_CRYPTOKI_NOT_INITIALIZED: Meaning.LOST,
    _C.CKR_KEY_HANDLE_INVALID: Meaning.KEY_STALE,
    _C.CKR_OBJECT_HANDLE_INVALID: Meaning.KEY_STALE,
    _C.CKR_KEY_FUNCTION_NOT_PERMITTED: Meaning.NOT_PERMITTED,
    _C.CKR_OPERATION_ACTIVE: Meaning.SESSION_SPOILT,
    _C.CKR_OPERATION_NOT_INITIALIZED: Meaning.SESSION_SPOILT,
    _C.CKR_BUFFER_TOO_SMALL: Meaning.SESSION_SPOILT,
    _C.CKR_DEVICE_MEMORY: Meaning.BUSY,
    _C.CKR_SESSION_COUNT: Meaning.BUSY,
    _C.CKR_DATA_LEN_RANGE: Meaning.UNSUPPORTED,
    _C.CKR_KEY_SIZE_RANGE: Meaning.UNSUPPORTED,
    _C.CKR_KEY_TYPE_INCONSISTENT: Meaning.UNSUPPORTED,
    _C.CKR_MECHANISM_INVALID: Meaning.UNSUPPORTED,
    _C.CKR_MECHANISM_PARAM_INVALID: Meaning.UNSUPPORTED,
    _C.CKR_HOST_MEMORY: Meaning.FAILED,
    _C.CKR_ARGUMENTS_BAD: Meaning.FAILED,
    _C.CKR_FUNCTION_CANCELED: Meaning.FAILED,
}
"""Of any function. What is not listed is SUSPECT: CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED, a maker's own codes."""

_DECRYPT_CODES: Final[Mapping[int, Meaning]] = {
    _C.CKR_ENCRYPTED_DATA_INVALID: Meaning.REJECTED,
    _C.CKR_ENCRYPTED_DATA_LEN_RANGE: Meaning.REJECTED,
    _C.CKR_AEAD_DECRYPT_FAILED: Meaning.REJECTED,
    _C.CKR_SIGNATURE_INVALID: Meaning.REJECTED,
    _C.CKR_DATA_INVALID: Meaning.SUSPECT,
    _C.CKR_DATA_LEN_RANGE: Meaning.SUSPECT,
    _C.CKR_DEVICE_ERROR: Meaning.SUSPECT,
    _C.CKR_ARGUMENTS_BAD: Meaning.SUSPECT,
    # An IV of a length that this token never makes comes from an altered ciphertext.
    _C.CKR_MECHANISM_PARAM_INVALID: Meaning.SUSPECT,
}
"""Of C_DecryptInit and C_Decrypt, before those above."""
