"""A root key in a file of its own: one line, `hyok-root-1 <Base64 of 32 bytes>`, mode 0600."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from hyok.custody.root_key import ROOT_KEY_BYTES, LocalRootKey, RootKey
from hyok.errors import OperatorError
from hyok.secret import Secret
from hyok.storage.files import create_directory, sync_directory

_FORMAT: Final = b"hyok-root-1"
_MAXIMUM_BYTES: Final = 4096


def create_file_root(path: Path) -> RootKey:
    """Make a new root key and its file, durably and with mode 0600; never overwrites.

    OperatorError if the file is there already or cannot be made.
    """
    key = os.urandom(ROOT_KEY_BYTES)
    try:
        create_directory(path.parent)
        _write_new_file(path, _FORMAT + b" " + base64.b64encode(key) + b"\n")
    except FileExistsError as error:
        raise OperatorError(
            f"the root key file {path} exists already and is never overwritten: everything under it would be lost"
        ) from error
    except OSError as error:
        raise _unusable(path, "created", error) from error
    return LocalRootKey(Secret(key))


def open_file_root(path: Path) -> RootKey:
    """Read a root key from its file. OperatorError if it is missing, open to others, or not a root key."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(_MAXIMUM_BYTES) if stat.S_ISREG(status.st_mode) else b""
    except OSError as error:
        raise _unusable(path, "read", error) from error
    if not stat.S_ISREG(status.st_mode):
        raise OperatorError(f"the root key file {path} is not a regular file")
    permissions = stat.S_IMODE(status.st_mode)
    if permissions & 0o077:
        raise OperatorError(
            f"the root key file {path} has mode {permissions:04o}, so that others than its owner may use it; "
            f"run chmod 600 {path}, and replace the key if somebody may have read it"
        )
    return LocalRootKey(parse_root_key(content, location=str(path)))


def parse_root_key(content: bytes, *, location: str) -> Secret:
    """Take the 32 bytes out of a root key file's content. OperatorError if it is anything but one whole line."""
    name, _, encoded = content.removesuffix(b"\n").partition(b" ")
    if name != _FORMAT:
        raise OperatorError(
            f"{location} ({len(content)} bytes) is not a root key file; expected one line `hyok-root-1 <Base64>`"
        )
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise OperatorError(f"the root key in {location} is not Base64 ({len(encoded)} characters)") from error
    # Compared with its own encoding: trailing bits that Base64 ignores would make two files of one key.
    if len(key) != ROOT_KEY_BYTES or base64.b64encode(key) != encoded:
        raise OperatorError(
            f"the root key in {location} is not {ROOT_KEY_BYTES} bytes in plain Base64 ({len(encoded)} characters)"
        )
    return Secret(key)


def _write_new_file(path: Path, content: bytes) -> None:
    # Written and synced under another name first: a process killed on the way leaves no half a key under this one.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.link(draft, path)  # unlike a rename, never takes another file's place
    finally:
        draft.unlink()
    sync_directory(path.parent)


def _unusable(path: Path, verb: str, error: OSError) -> OperatorError:
    return OperatorError(f"the root key file {path} cannot be {verb}: {error.strerror}")
