"""Standard output of `hyok proxy serve`, one record a line, for whatever collects it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Final

from hyok.audit.formats import encode_checkpoint
from hyok.audit.sinks.interface import SignedState, SinkError

_STDOUT: Final = 1


class StdoutSink:
    """Writes, and waits as long as the reader of the pipe makes it."""

    async def send_records(self, messages: Sequence[bytes]) -> None:
        """Write the messages. SinkError if nobody reads any more."""
        await asyncio.to_thread(_write, b"".join(message + b"\n" for message in messages))

    async def send_checkpoints(self, states: Sequence[SignedState]) -> None:
        """Write the notes as one JSON line each. SinkError."""
        await self.send_records([encode_checkpoint(state.place.name, state.note) for state in states])

    async def aclose(self) -> None:
        """Do nothing: it is not ours to close."""


def _write(content: bytes) -> None:
    try:
        while content:
            content = content[os.write(_STDOUT, content) :]
    except OSError as error:
        raise SinkError(f"cannot write to standard output: {error.strerror}") from error
