"""Brings together what belongs to one request, out of more than memory holds: by files, one for each hash of an id.

Each file is small enough to be grouped in memory; one that is not is divided once more. They are deleted at the end.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final

import msgspec

from hyok.audit.reconciliation.cloudtrail import KmsEvent
from hyok.audit.reconciliation.uses import Use

_PARTITIONS: Final = 128
_BUFFER_BYTES: Final = 32 * 1024
PARTITION_BYTES: Final = 24 * 1024 * 1024
"""A larger file is divided: as objects its content takes some six times as much."""
KEPT_OF_ONE_REQUEST: Final = 32
"""Of each kind. KMS tries once more at most; what is beyond is counted and no more."""

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(KmsEvent | Use).decode


class RequestGroup(msgspec.Struct, gc=False):
    """All that is known of one request id."""

    request_id: str
    uses: list[Use] = []
    events: list[KmsEvent] = []
    more_uses: int = 0
    """Beyond those that were kept."""

    def add(self, entry: KmsEvent | Use) -> None:
        """Add what is known of it from one side."""
        if isinstance(entry, Use):
            if len(self.uses) < KEPT_OF_ONE_REQUEST:
                self.uses.append(entry)
            else:
                self.more_uses += 1
        elif len(self.events) < KEPT_OF_ONE_REQUEST:
            self.events.append(entry)


class Partitions:
    """Files in a temporary directory of their own, readable by this user alone. A context manager."""

    def __init__(self, level: int = 0) -> None:
        self._level = level
        self._directory = tempfile.TemporaryDirectory(prefix="hyok-reconcile-")
        self._files: list[IO[bytes] | None] = [None] * _PARTITIONS

    def __enter__(self) -> Partitions:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            if file is not None:
                file.close()
        self._directory.cleanup()

    def add(self, entry: KmsEvent | Use) -> None:
        """Put something to its like."""
        self.add_line(entry.request_id, _encode(entry) + b"\n")

    def add_line(self, request_id: str, line: bytes) -> None:
        """Put something that is written already to its like."""
        # The second division must not follow the first: it takes other bits.
        number = (zlib.crc32(request_id.encode()) >> (8 * self._level)) % _PARTITIONS
        file = self._files[number]
        if file is None:
            file = self._path(number).open("wb", buffering=_BUFFER_BYTES)
            self._files[number] = file
        file.write(line)

    def groups(self) -> Iterator[RequestGroup]:
        """Yield everything, request by request. Each file is deleted when it was read."""
        for number, file in enumerate(self._files):
            if file is None:
                continue
            file.close()
            self._files[number] = None
            path = self._path(number)
            if path.stat().st_size > PARTITION_BYTES and self._level == 0:
                yield from _divided(path)
            else:
                yield from _grouped(path)
            path.unlink()

    def _path(self, number: int) -> Path:
        return Path(self._directory.name) / f"{number:03}"


def _divided(path: Path) -> Iterator[RequestGroup]:
    with Partitions(level=1) as finer:
        for line in _lines(path):
            finer.add_line(_decode(line).request_id, line)
        yield from finer.groups()


def _grouped(path: Path) -> Iterable[RequestGroup]:
    groups: dict[str, RequestGroup] = {}
    for line in _lines(path):
        entry = _decode(line)
        group = groups.get(entry.request_id)
        if group is None:
            group = groups[entry.request_id] = RequestGroup(entry.request_id)
        group.add(entry)
    return groups.values()


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file
