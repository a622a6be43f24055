"""The test's side of `vendor_module.c`: builds it, changes its behaviour while it runs, and reads its counts."""

from __future__ import annotations

import mmap
import struct
import subprocess
from enum import IntEnum
from pathlib import Path

_SOURCE = Path(__file__).parent / "vendor_module.c"
_BYTES = 4096
_COUNTS = 128


class Setting(IntEnum):
    """What can be set, by its place in the control file."""

    ENCRYPT_DELAY_US = 0
    DECRYPT_DELAY_US = 1
    RANDOM_DELAY_US = 2
    IV_MODE = 3
    IV_BYTES = 4
    HANG = 5
    WRONG_TAG_CODE = 6
    FAIL_CODE = 7
    FAIL_FUNCTION = 8
    WITHOUT_IV_BITS = 9
    READ_WRITE_ONLY = 10
    GCM_OVER_ECB = 11
    IGNORE_AAD = 12
    TOKEN_FLAGS = 13
    FROZEN_ATTRIBUTES = 14
    LOGIN_DELAY_US = 15
    HANG_ONLY_SO_FAR = 16


class IvMode(IntEnum):
    AS_PASSED = 0
    WRITTEN_BACK = 1
    APPENDED = 2
    REPEATED = 3
    REPLACED_AND_APPENDED = 4


class Function(IntEnum):
    """The functions that are counted, by their place in the function list."""

    INITIALIZE = 0
    FINALIZE = 1
    GET_TOKEN_INFO = 6
    OPEN_SESSION = 12
    CLOSE_SESSION = 13
    LOGIN = 18
    SET_ATTRIBUTE_VALUE = 25
    FIND_OBJECTS_INIT = 26
    ENCRYPT_INIT = 29
    ENCRYPT = 30
    DECRYPT_INIT = 33
    DECRYPT = 34
    GENERATE_RANDOM = 64


class VendorModule:
    """The control file, mapped into memory as the library has it."""

    def __init__(self, library: Path, control: Path) -> None:
        self.library = library
        self.control = control
        control.write_bytes(bytes(_BYTES))
        with control.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _BYTES)

    def set(self, setting: Setting, value: int) -> None:
        struct.pack_into("=Q", self._memory, setting * 8, value)

    def count(self, function: Function) -> int:
        """Return how often a function was called since the start."""
        return int(struct.unpack_from("=Q", self._memory, (_COUNTS + function) * 8)[0])

    def counts(self) -> dict[Function, int]:
        return {function: self.count(function) for function in Function}


def build_vendor_module(directory: Path) -> Path:
    """Compile the library once and return its path."""
    target = directory / "vendor_module.so"
    command = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-pthread"]
    subprocess.run([*command, "-o", str(target), str(_SOURCE), "-ldl"], check=True)
    return target
