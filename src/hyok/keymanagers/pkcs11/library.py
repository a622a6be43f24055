"""Our binding of a PKCS#11 library: the functions that are used, taken from its function list.

ctypes releases the interpreter's lock during each call, so calls of several threads run side by side; the library is
told so with CKF_OS_LOCKING_OK. Every function but the four of the hot path raises `CryptokiError` itself.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from ctypes import POINTER, byref, c_char_p, c_ulong, c_void_p
from pathlib import Path
from typing import Final, NamedTuple

from hyok.errors import HyokError, OperatorError
from hyok.keymanagers.pkcs11.constants import (
    CKF_OS_LOCKING_OK,
    CKU_USER,
    UNAVAILABLE_INFORMATION,
    ReturnCode,
    name_return_code,
)
from hyok.keymanagers.pkcs11.structures import (
    Attribute,
    InitializeArguments,
    Mechanism,
    MechanismInfoStructure,
    TokenInfoStructure,
)

_FUNCTION_COUNT: Final = 68
"""Functions in the list of PKCS#11 2.x, which 3.x libraries have too."""
_FOUND_AT_ONCE: Final = 64
_MAX_ATTRIBUTE_BYTES: Final = 256
"""Longer labels and ids than that are no labels and ids of ours."""

_S: Final = c_ulong  # a session, slot, object or length
_P: Final = c_void_p
_ArgumentType = type[c_ulong] | type[c_void_p] | type[c_char_p] | type[ctypes.c_ubyte]
_FUNCTIONS: Final[Mapping[str, tuple[int, tuple[_ArgumentType, ...]]]] = {
    "C_Initialize": (0, (_P,)),
    "C_Finalize": (1, (_P,)),
    "C_GetSlotList": (4, (ctypes.c_ubyte, _P, _P)),
    "C_GetTokenInfo": (6, (_S, _P)),
    "C_GetMechanismInfo": (8, (_S, _S, _P)),
    "C_OpenSession": (12, (_S, _S, _P, _P, _P)),
    "C_CloseSession": (13, (_S,)),
    "C_Login": (18, (_S, _S, c_char_p, _S)),
    "C_CopyObject": (21, (_S, _S, _P, _S, _P)),
    "C_DestroyObject": (22, (_S, _S)),
    "C_GetAttributeValue": (24, (_S, _S, _P, _S)),
    "C_SetAttributeValue": (25, (_S, _S, _P, _S)),
    "C_FindObjectsInit": (26, (_S, _P, _S)),
    "C_FindObjects": (27, (_S, _P, _S, _P)),
    "C_FindObjectsFinal": (28, (_S,)),
    "C_EncryptInit": (29, (_S, _P, _S)),
    "C_Encrypt": (30, (_S, c_char_p, _S, _P, _P)),
    "C_DecryptInit": (33, (_S, _P, _S)),
    "C_Decrypt": (34, (_S, c_char_p, _S, _P, _P)),
    "C_GenerateKey": (58, (_S, _P, _P, _S, _P)),
}
"""Place in the function list and types of the arguments, by the standard's name."""


class CryptokiError(HyokError):
    """A PKCS#11 function returned something else than CKR_OK."""

    def __init__(self, function: str, code: int) -> None:
        super().__init__(f"{function} returned {name_return_code(code)}")
        self.function = function
        self.code = code


class TokenInfo(NamedTuple):
    """What a token says of itself."""

    label: str
    manufacturer: str
    model: str
    serial: str
    flags: int


class Library:
    """A loaded PKCS#11 library. Loading is not yet initialising."""

    def __init__(self, path: Path) -> None:
        """Load it. OperatorError if it cannot be loaded or is no PKCS#11 library."""
        self.path = path
        self._functions = _load(path)
        self.encrypt_init: Callable[[int, int, int], int] = self._functions["C_EncryptInit"]
        self.encrypt: Callable[[int, bytes, int, int, int], int] = self._functions["C_Encrypt"]
        self.decrypt_init: Callable[[int, int, int], int] = self._functions["C_DecryptInit"]
        self.decrypt: Callable[[int, bytes, int, int, int], int] = self._functions["C_Decrypt"]

    def initialize(self) -> None:
        """C_Initialize for use by several threads."""
        self._call("C_Initialize", byref(InitializeArguments(flags=CKF_OS_LOCKING_OK)))

    def finalize(self) -> None:
        """C_Finalize."""
        self._call("C_Finalize", None)

    def list_slots(self) -> tuple[int, ...]:
        """Return the ids of the slots that have a token."""
        count = c_ulong()
        self._call("C_GetSlotList", 1, None, byref(count))
        # One more than there were, should a token arrive in between.
        count.value += 1
        slots = (c_ulong * count.value)()
        self._call("C_GetSlotList", 1, slots, byref(count))
        return tuple(slots[: count.value])

    def token_info(self, slot: int) -> TokenInfo:
        """Return what the token in a slot says of itself."""
        info = TokenInfoStructure()
        self._call("C_GetTokenInfo", slot, byref(info))
        return TokenInfo(
            label=_text(info.label),
            manufacturer=_text(info.manufacturer),
            model=_text(info.model),
            serial=_text(info.serial),
            flags=info.flags,
        )

    def require_mechanism(self, slot: int, mechanism: int) -> None:
        """CryptokiError CKR_MECHANISM_INVALID if the token does not have the mechanism."""
        self._call("C_GetMechanismInfo", slot, mechanism, byref(MechanismInfoStructure()))

    def open_session(self, slot: int, flags: int) -> int:
        """Open a session and return its handle."""
        session = c_ulong()
        self._call("C_OpenSession", slot, flags, None, None, byref(session))
        return session.value

    def close_session(self, session: int) -> None:
        """Close a session; its session objects are destroyed."""
        self._call("C_CloseSession", session)

    def login(self, session: int, pin: bytes | None) -> None:
        """Log in as the user. All sessions of this process with the token are then logged in.

        None where the PIN is entered at the device. Being logged in already is as good.
        """
        try:
            self._call("C_Login", session, CKU_USER, pin, len(pin) if pin is not None else 0)
        except CryptokiError as error:
            if error.code != ReturnCode.CKR_USER_ALREADY_LOGGED_IN:
                raise

    def find_objects(self, session: int, template: Mapping[int, bytes], *, at_most: int) -> tuple[int, ...]:
        """Return the handles of the objects that have these attributes."""
        found: list[int] = []
        handles = (c_ulong * _FOUND_AT_ONCE)()
        count = c_ulong()
        attributes = _attributes(template)
        self._call("C_FindObjectsInit", session, attributes, len(template))
        try:
            while len(found) < at_most:
                self._call("C_FindObjects", session, handles, _FOUND_AT_ONCE, byref(count))
                if not count.value:
                    break
                found += handles[: count.value]
        finally:
            self._call("C_FindObjectsFinal", session)
        return tuple(found[:at_most])

    def attribute_values(self, session: int, key: int, types: tuple[int, ...]) -> tuple[bytes | None, ...]:
        """Return the values of an object's attributes; None for one that it does not have or show."""
        buffers = [ctypes.create_string_buffer(_MAX_ATTRIBUTE_BYTES) for _ in types]
        attributes = (Attribute * len(types))()
        for attribute, kind, buffer in zip(attributes, types, buffers, strict=True):
            attribute.type = kind
            attribute.value = ctypes.addressof(buffer)
            attribute.length = _MAX_ATTRIBUTE_BYTES
        try:
            self._call("C_GetAttributeValue", session, key, attributes, len(types))
        except CryptokiError as error:
            # The others were filled in all the same (PKCS#11, C_GetAttributeValue).
            if error.code not in _SOME_ATTRIBUTES_ARE_MISSING:
                raise
        return tuple(
            None if attribute.length == UNAVAILABLE_INFORMATION else buffer.raw[: attribute.length]
            for attribute, buffer in zip(attributes, buffers, strict=True)
        )

    def set_attribute_values(self, session: int, key: int, values: Mapping[int, bytes]) -> None:
        """Change attributes of an object; for one on the token the session must be read-write."""
        self._call("C_SetAttributeValue", session, key, _attributes(values), len(values))

    def generate_key(self, session: int, mechanism: int, template: Mapping[int, bytes]) -> int:
        """Generate a secret key and return its handle."""
        key = c_ulong()
        mechanism_structure = Mechanism(mechanism=mechanism)
        self._call(
            "C_GenerateKey", session, byref(mechanism_structure), _attributes(template), len(template), byref(key)
        )
        return key.value

    def copy_object(self, session: int, key: int, changes: Mapping[int, bytes]) -> int:
        """Copy an object with some attributes changed and return the copy's handle."""
        copy = c_ulong()
        self._call("C_CopyObject", session, key, _attributes(changes), len(changes), byref(copy))
        return copy.value

    def destroy_object(self, session: int, key: int) -> None:
        """Destroy an object."""
        self._call("C_DestroyObject", session, key)

    def _call(self, function: str, *arguments: object) -> None:
        code = self._functions[function](*arguments)
        if code:
            raise CryptokiError(function, code)


_SOME_ATTRIBUTES_ARE_MISSING: Final = frozenset(
    {
        ReturnCode.CKR_ATTRIBUTE_SENSITIVE,
        ReturnCode.CKR_ATTRIBUTE_TYPE_INVALID,
        ReturnCode.CKR_BUFFER_TOO_SMALL,
    }
)


def encode_ulong(value: int) -> bytes:
    """Encode the value of an attribute that is a number (CK_ULONG)."""
    return bytes(c_ulong(value))


def encode_bool(value: bool) -> bytes:
    """Encode the value of an attribute that is true or false (CK_BBOOL)."""
    return b"\x01" if value else b"\x00"


def decode_ulong(value: bytes | None) -> int | None:
    """Decode a number; None if there is none."""
    return c_ulong.from_buffer_copy(value).value if value is not None and len(value) == _ULONG_BYTES else None


_ULONG_BYTES: Final = ctypes.sizeof(c_ulong)


def _load(path: Path) -> dict[str, Callable[..., int]]:
    try:
        shared_object = ctypes.CDLL(str(path))
    except OSError as error:
        raise OperatorError(f"{path}: cannot be loaded as a PKCS#11 library: {error}") from error
    try:
        get_function_list = shared_object.C_GetFunctionList
    except AttributeError as error:
        raise OperatorError(f"{path} is no PKCS#11 library: it has no C_GetFunctionList") from error
    get_function_list.restype = c_ulong
    pointer = c_void_p()
    code = get_function_list(byref(pointer))
    if code or not pointer.value:
        raise OperatorError(f"{path}: C_GetFunctionList returned {name_return_code(code)}")
    # The list begins with a version, after which the pointers are aligned.
    entries = ctypes.cast(pointer.value + ctypes.sizeof(c_void_p), POINTER(c_void_p * _FUNCTION_COUNT)).contents
    functions: dict[str, Callable[..., int]] = {}
    for name, (place, types) in _FUNCTIONS.items():
        address = entries[place]
        if not address:
            raise OperatorError(f"{path}: its function list has no {name}")
        functions[name] = ctypes.CFUNCTYPE(c_ulong, *types)(address)
    return functions


def _attributes(values: Mapping[int, bytes]) -> ctypes.Array[Attribute]:
    attributes = (Attribute * len(values))()
    for attribute, (kind, value) in zip(attributes, values.items(), strict=True):
        attribute.type = kind
        attribute.value = ctypes.cast(c_char_p(value), c_void_p)  # the mapping keeps the bytes alive
        attribute.length = len(value)
    return attributes


def _text(padded: bytes) -> str:
    return padded.decode("utf-8", "replace").rstrip(" \0")
