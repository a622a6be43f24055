"""Real tokens: SoftHSM2 with its files in a directory of the test."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from hyok.keymanagers.pkcs11.constants import (
    CKF_RW_SESSION,
    CKF_SERIAL_SESSION,
    CKK_AES,
    CKM_AES_KEY_GEN,
    CKO_SECRET_KEY,
    AttributeType,
)
from hyok.keymanagers.pkcs11.dialects import PRESETS, Dialect
from hyok.keymanagers.pkcs11.library import Library, encode_bool, encode_ulong
from hyok.keymanagers.pkcs11.modules import Module
from hyok.keymanagers.pkcs11.opening import TokenAccess
from hyok.keymanagers.pkcs11.slots import TokenName, TokenNameKind, find_token
from hyok.keymanagers.pkcs11.structures import Attribute
from hyok.secret import Secret

SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = b"1234"
_CKA_VALUE = 0x11


class SoftHsm:
    """The token directory of a test, and its tokens by label."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tokens = directory / "tokens"
        self.tokens.mkdir()
        self._away = directory / "away"
        configuration = directory / "softhsm2.conf"
        configuration.write_text(f"directories.tokendir = {self.tokens}\nlog.level = ERROR\n")
        monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))

    def make_token(self, label: str) -> TokenName:
        command = [
            "softhsm2-util",
            "--init-token",
            "--free",
            "--label",
            label,
            "--pin",
            PIN.decode(),
            "--so-pin",
            "0000",
        ]
        subprocess.run(command, check=True, capture_output=True)
        return TokenName(TokenNameKind.LABEL, label)

    def directory_of(self, label: str) -> Path:
        """Return where the files of one token are."""
        (found,) = (path for path in self.tokens.iterdir() if label.encode() in (path / "token.object").read_bytes())
        return found

    def take_away(self) -> None:
        """Remove the files of all tokens, as when the disk is gone."""
        self.tokens.rename(self._away)
        self.tokens.mkdir()

    def bring_back(self) -> None:
        self.tokens.rmdir()
        self._away.rename(self.tokens)


def access(token: TokenName, *, dialect: Dialect = PRESETS["softhsm"], pin: bytes | None = PIN) -> TokenAccess:
    return TokenAccess(token, Secret(pin) if pin is not None else None, dialect)


@contextmanager
def logged_in(module: Module, token: TokenName, *, pin: bytes = PIN) -> Iterator[tuple[Library, int]]:
    """A read-write session of somebody else's program, so to say, in this process."""
    module.acquire()
    module.enter()
    library = module.library
    try:
        session = library.open_session(find_token(library, token).slot, CKF_RW_SESSION | CKF_SERIAL_SESSION)
        library.login(session, pin)
        yield library, session
        library.close_session(session)
    finally:
        module.leave()
        module.release()


def make_foreign_key(
    module: Module, token: TokenName, *, label: str, key_id: bytes = b"", attributes: Mapping[int, bytes] | None = None
) -> None:
    """Make a key as another program would."""
    template: dict[int, bytes] = {
        AttributeType.CKA_CLASS: encode_ulong(CKO_SECRET_KEY),
        AttributeType.CKA_KEY_TYPE: encode_ulong(CKK_AES),
        AttributeType.CKA_TOKEN: encode_bool(True),
        AttributeType.CKA_PRIVATE: encode_bool(True),
        AttributeType.CKA_LABEL: label.encode(),
        AttributeType.CKA_ID: key_id,
        AttributeType.CKA_VALUE_LEN: encode_ulong(32),
        AttributeType.CKA_ENCRYPT: encode_bool(True),
        AttributeType.CKA_DECRYPT: encode_bool(True),
        **(attributes or {}),
    }
    with logged_in(module, token) as (library, session):
        library.generate_key(session, CKM_AES_KEY_GEN, template)


def import_key(module: Module, token: TokenName, *, label: str, material: bytes) -> None:
    """Put a key's material into a token, for which hyok has no use. SoftHSM's own tool cuts it at a zero byte."""
    template: dict[int, bytes] = {
        AttributeType.CKA_CLASS: encode_ulong(CKO_SECRET_KEY),
        AttributeType.CKA_KEY_TYPE: encode_ulong(CKK_AES),
        AttributeType.CKA_TOKEN: encode_bool(True),
        AttributeType.CKA_PRIVATE: encode_bool(True),
        AttributeType.CKA_LABEL: label.encode(),
        AttributeType.CKA_ENCRYPT: encode_bool(True),
        AttributeType.CKA_DECRYPT: encode_bool(True),
        _CKA_VALUE: material,
    }
    attributes = (Attribute * len(template))()
    for attribute, (kind, value) in zip(attributes, template.items(), strict=True):
        attribute.type, attribute.length = kind, len(value)
        attribute.value = ctypes.cast(ctypes.c_char_p(value), ctypes.c_void_p)
    with logged_in(module, token) as (library, session):
        create_object = ctypes.CDLL(str(library.path)).C_CreateObject
        handle = ctypes.c_ulong()
        code = create_object(ctypes.c_ulong(session), attributes, ctypes.c_ulong(len(template)), ctypes.byref(handle))
        assert code == 0, hex(code)


def change_keys(module: Module, token: TokenName, *, label: str, attributes: Mapping[int, bytes]) -> None:
    """Change the attributes of all keys of a label."""
    with logged_in(module, token) as (library, session):
        template: dict[int, bytes] = {AttributeType.CKA_LABEL: label.encode()}
        for handle in library.find_objects(session, template, at_most=100):
            library.set_attribute_values(session, handle, attributes)


def destroy_keys(module: Module, token: TokenName, *, label: str, pin: bytes = PIN) -> None:
    """Destroy all keys of a label."""
    with logged_in(module, token, pin=pin) as (library, session):
        template: dict[int, bytes] = {AttributeType.CKA_LABEL: label.encode()}
        for handle in library.find_objects(session, template, at_most=100):
            library.destroy_object(session, handle)
