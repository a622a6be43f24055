"""Standard output of `hyok proxy serve`, one record a line, for whatever collects it.

A reader that stands still is a sink that fails: what it does not take within a second is sent later. No write waits
longer, because a thread inside one could not be called back, and the proxy would not end before its reader.
"""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import Sequence
from typing import Final

from hyok.audit.formats import encode_checkpoint
from hyok.audit.sinks.interface import SignedState, SinkError

_STDOUT: Final = 1
_PATIENCE_MILLISECONDS: Final = 1000
_PIECE_BYTES: Final = 4096
"""PIPE_BUF: what poll says can be written, is so much of it written without waiting."""


class StdoutSink:
    """Writes whole lines: one that a reader took a part of is finished before anything else, and may come twice."""

    def __init__(self, descriptor: int = _STDOUT) -> None:
        self._descriptor = descriptor
        self._begun = b""
        """What is left of a line that was begun."""

    async def send_records(self, messages: Sequence[bytes]) -> None:
        """Write the messages. SinkError if nobody reads, or nobody reads any more."""
        await asyncio.to_thread(self._write, b"".join(message + b"\n" for message in messages))

    async def send_checkpoints(self, states: Sequence[SignedState]) -> None:
        """Write the notes as one JSON line each. SinkError."""
        await self.send_records([encode_checkpoint(state.place.name, state.note) for state in states])

    async def aclose(self) -> None:
        """Do nothing: it is not ours to close."""

    def _write(self, lines: bytes) -> None:
        content = memoryview(self._begun + lines)
        done = 0
        try:
            while done < len(content):
                done += self._write_piece(content[done : done + _PIECE_BYTES])
        except OSError as error:
            raise SinkError(f"cannot write to standard output: {error.strerror}") from error
        finally:
            is_within_line = done > 0 and content[done - 1] != ord("\n")
            left = bytes(content[done:])
            if done < len(self._begun) or is_within_line:
                self._begun = left[: left.index(b"\n") + 1]
            else:
                self._begun = b""

    def _write_piece(self, piece: memoryview) -> int:
        ready = select.poll()
        ready.register(self._descriptor, select.POLLOUT)
        if not ready.poll(_PATIENCE_MILLISECONDS):
            raise SinkError("nobody reads standard output; it took nothing for a second")
        return os.write(self._descriptor, piece)
