"""Open a token: find its slot, log in once, prove its dialect with a test key that only this process has."""

from __future__ import annotations

import contextlib
import time
from typing import Final, NamedTuple

from hyok.keymanagers.pkcs11.cipher import CipherSession
from hyok.keymanagers.pkcs11.constants import (
    AES_256_BYTES,
    CKF_LOGIN_REQUIRED,
    CKF_PROTECTED_AUTHENTICATION_PATH,
    CKF_RW_SESSION,
    CKF_SERIAL_SESSION,
    CKF_USER_PIN_FINAL_TRY,
    CKF_USER_PIN_LOCKED,
    CKK_AES,
    CKM_AES_GCM,
    CKM_AES_KEY_GEN,
    CKO_SECRET_KEY,
    AttributeType,
    ReturnCode,
)
from hyok.keymanagers.pkcs11.copies import KeyCopies
from hyok.keymanagers.pkcs11.dialects import Dialect
from hyok.keymanagers.pkcs11.errors import TokenRefusedError
from hyok.keymanagers.pkcs11.keys import TokenKey
from hyok.keymanagers.pkcs11.library import CryptokiError, Library, TokenInfo, encode_bool, encode_ulong
from hyok.keymanagers.pkcs11.slots import FoundToken, TokenName, find_token
from hyok.keymanagers.pkcs11.trial import try_dialect
from hyok.secret import Secret

_PIN_REFUSALS: Final = frozenset(
    {
        ReturnCode.CKR_PIN_INCORRECT,
        ReturnCode.CKR_PIN_INVALID,
        ReturnCode.CKR_PIN_LEN_RANGE,
        ReturnCode.CKR_PIN_EXPIRED,
        ReturnCode.CKR_PIN_LOCKED,
        ReturnCode.CKR_USER_PIN_NOT_INITIALIZED,
        ReturnCode.CKR_USER_TYPE_INVALID,
    }
)


class TokenAccess(NamedTuple):
    """Which token, how to get in, and how it speaks."""

    token: TokenName
    pin: Secret | None
    """None for a token that needs none, or where it is entered at the device."""
    dialect: Dialect


class OpenToken:
    """A token as long as it is open: it ends with its generation of the module, and all handles with it."""

    __slots__ = (
        "copies",
        "doubts",
        "generation",
        "info",
        "keeper",
        "keys",
        "opened_at",
        "proven_at",
        "slot",
        "test_key",
    )

    def __init__(self, *, generation: int, found: FoundToken, keeper: int, test_key: int) -> None:
        self.generation = generation
        self.slot = found.slot
        self.info: TokenInfo = found.info
        self.keeper = keeper
        """The session that keeps the login and the test key alive."""
        self.test_key = test_key
        self.keys: dict[str, TokenKey] = {}
        """What was looked up, by key id. Replaced entry by entry, from several threads."""
        self.copies = KeyCopies()
        self.opened_at = time.monotonic()
        self.proven_at = self.opened_at
        """When a key of this token was last seen to work, `time.monotonic` seconds."""
        self.doubts = 0
        """Suspicious failures since then."""


def open_token(library: Library, access: TokenAccess, *, generation: int, read_write: bool) -> OpenToken:
    """Open it. TokenMissingError, TokenRefusedError, CryptokiError. Called inside the module."""
    found = find_token(library, access.token)
    for mechanism, name in ((CKM_AES_KEY_GEN, "CKM_AES_KEY_GEN"), (CKM_AES_GCM, "CKM_AES_GCM")):
        _require_mechanism(library, found, mechanism, name=name)
    keeper = library.open_session(found.slot, session_flags(access.dialect, read_write=read_write))
    try:
        _log_in(library, access, found, keeper)
        test_key = _generate_test_key(library, keeper)
        try_dialect(CipherSession(library, keeper, access.dialect), test_key)
    except BaseException:
        with contextlib.suppress(CryptokiError):
            library.close_session(keeper)
        raise
    return OpenToken(generation=generation, found=found, keeper=keeper, test_key=test_key)


def session_flags(dialect: Dialect, *, read_write: bool) -> int:
    """Return the flags of C_OpenSession."""
    return CKF_SERIAL_SESSION | (CKF_RW_SESSION if read_write or dialect.needs_read_write_sessions else 0)


def _require_mechanism(library: Library, found: FoundToken, mechanism: int, *, name: str) -> None:
    try:
        library.require_mechanism(found.slot, mechanism)
    except CryptokiError as error:
        if error.code != ReturnCode.CKR_MECHANISM_INVALID:
            raise
        raise TokenRefusedError(
            f"the token {found.info.label!r} ({found.info.model}) has no {name}; external key stores need AES-256-GCM"
        ) from error


def _log_in(library: Library, access: TokenAccess, found: FoundToken, session: int) -> None:
    flags, label = found.info.flags, found.info.label
    if not flags & CKF_LOGIN_REQUIRED:
        return
    if flags & CKF_USER_PIN_LOCKED:
        raise TokenRefusedError(f"the PIN of token {label!r} is locked; its security officer can set a new one")
    if access.pin is None and not flags & CKF_PROTECTED_AUTHENTICATION_PATH:
        raise TokenRefusedError(f"the token {label!r} wants a PIN; set `pin` to a reference such as file:PATH")
    if flags & CKF_USER_PIN_FINAL_TRY:
        raise TokenRefusedError(
            f"one more wrong PIN would lock token {label!r}, so none is tried; check the PIN, then log in once with "
            "the maker's tool, which resets the count"
        )
    try:
        # A file with a PIN in it tends to end in a line feed, which no PIN does.
        library.login(session, access.pin.reveal().rstrip(b"\r\n") if access.pin is not None else None)
    except CryptokiError as error:
        if error.code in _PIN_REFUSALS:
            raise TokenRefusedError(
                f"the token {label!r} refused the PIN: {error}. It is not tried again before a restart, because that "
                "could lock the token"
            ) from error
        raise


def _generate_test_key(library: Library, session: int) -> int:
    template: dict[int, bytes] = {
        AttributeType.CKA_CLASS: encode_ulong(CKO_SECRET_KEY),
        AttributeType.CKA_KEY_TYPE: encode_ulong(CKK_AES),
        AttributeType.CKA_TOKEN: encode_bool(False),
        AttributeType.CKA_PRIVATE: encode_bool(True),
        AttributeType.CKA_SENSITIVE: encode_bool(True),
        AttributeType.CKA_EXTRACTABLE: encode_bool(False),
        AttributeType.CKA_ENCRYPT: encode_bool(True),
        AttributeType.CKA_DECRYPT: encode_bool(True),
        AttributeType.CKA_VALUE_LEN: encode_ulong(AES_256_BYTES),
    }
    return library.generate_key(session, CKM_AES_KEY_GEN, template)
