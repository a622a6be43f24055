"""A file that records are appended to, one a line; it may be moved away at any time, as logrotate does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hyok.audit.layout import FILE_MODE
from hyok.audit.sinks.interface import SignedState, SinkError

_CHECKPOINT_GAP: Final = b"\n"


class FileSink:
    """Appends and syncs. Checkpoints go to a file of their own beside it, `NAME.checkpoints`, one after another."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._checkpoints = path.with_name(path.name + ".checkpoints")

    async def send_records(self, messages: Sequence[bytes]) -> None:
        """Append the messages. SinkError."""
        await asyncio.to_thread(_append, self._path, b"".join(message + b"\n" for message in messages))

    async def send_checkpoints(self, states: Sequence[SignedState]) -> None:
        """Append the notes. SinkError."""
        await asyncio.to_thread(_append, self._checkpoints, b"".join(state.note + _CHECKPOINT_GAP for state in states))

    async def aclose(self) -> None:
        """Do nothing: it is opened for each batch."""


def _append(path: Path, content: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            while content:
                content = content[os.write(descriptor, content) :]
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise SinkError(f"cannot write {path}: {error.strerror}") from error
