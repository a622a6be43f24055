"""A second real token: openCryptoki's software token, with its daemon.

It keeps its files where the system says, so the token is the machine's only one: a lock lets one test at a time use it,
and one that is not ours is left alone. Debian's version 3.8 has no CKM_AES_GCM, so that mode is made of its AES-ECB by
`vendor_module.c`; sessions, login, objects, attributes and the cipher itself are the token's.
"""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hyok.keymanagers.pkcs11.slots import TokenName, TokenNameKind

OPENCRYPTOKI = Path("/usr/lib/x86_64-linux-gnu/opencryptoki/libopencryptoki.so.0")
USER_PIN = b"12345678"
_SO_PIN = "87654321"
_FACTORY_LABEL = "IBM OS PKCS#11"
_LABEL = "hyok-test"
TOKEN = TokenName(TokenNameKind.LABEL, _LABEL)
_PID_FILE = Path("/var/run/pkcsslotd.pid")


@contextmanager
def soft_token() -> Iterator[None]:
    """Run the daemon if nobody does, and make the token anew for the length of the block.

    Not in the process that uses the token: the daemon does not end before that has.
    """
    lock = Path(tempfile.gettempdir()) / "hyok-test-opencryptoki.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        ours = None if _is_running() else _start()
        try:
            _make_anew(_slot())
            yield
        finally:
            if ours is not None:
                os.kill(ours, signal.SIGTERM)
                _wait_until(lambda: not _is_running())


def _is_running() -> bool:
    try:
        os.kill(int(_PID_FILE.read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


def _start() -> int:
    # It becomes a daemon, and ends its first process with success once it serves.
    subprocess.run(["pkcsslotd"], check=True, timeout=20)
    _wait_until(_is_running)
    return int(_PID_FILE.read_text())


def _slot() -> str:
    output = subprocess.run(["pkcsconf", "-t"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"Token #(\d+) Info:\s*Label: (.*?)\s*Manufacturer: .*\s*Model: IBM SoftTok", output)
    assert found is not None, f"openCryptoki has no software token: {output}"
    slot, label = found.groups()
    assert label in {_FACTORY_LABEL, _LABEL}, f"the token {label!r} is somebody's; the tests would destroy it"
    return slot


def _make_anew(slot: str) -> None:
    start = ["pkcsconf", "-c", slot, "-S", _SO_PIN]
    subprocess.run([*start, "-I"], input=f"{_LABEL}\n", capture_output=True, text=True, check=True)
    subprocess.run([*start, "-u", "-n", USER_PIN.decode()], capture_output=True, check=True)


def _wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < until, "pkcsslotd does not do as it is told"
        time.sleep(0.02)
