"""What a process and its children hold: who they are, their memory, their open files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Vitals(NamedTuple):
    """Taken at one moment."""

    pids: frozenset[int]
    resident_mebibytes: float
    """Of all together."""
    files: Counter[str]
    """How often each is open, in all together; sockets and pipes without their numbers."""


def take(pid: int) -> Vitals:
    """Look at a process and all its descendants."""
    pids = _tree(pid)
    return Vitals(frozenset(pids), sum(map(_resident_mebibytes, pids)), _open_files(pids))


def _tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in _tree(int(child)))]


def _resident_mebibytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _open_files(pids: Iterable[int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                found[re.sub(r":\[\d+\]", "", str(descriptor.readlink()))] += 1
    return found
