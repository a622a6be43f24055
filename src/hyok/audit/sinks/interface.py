"""What a place that records are sent to must do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from hyok.audit.layout import LogPlace
from hyok.errors import HyokError


class SinkError(HyokError):
    """A sink did not take what it was sent; it is sent again, from the last that was taken."""


class SignedState(NamedTuple):
    """The newest checkpoint of a log."""

    place: LogPlace
    note: bytes
    """As it was signed."""


class Sink(Protocol):
    """Takes records and checkpoints. It may be as slow as it likes: who waits for it is only who sends."""

    async def send_records(self, messages: Sequence[bytes]) -> None:
        """Return when these are taken for good: written and synced, or received at the other end. SinkError."""
        ...

    async def send_checkpoints(self, states: Sequence[SignedState]) -> None:
        """Take what changed since the last time. SinkError."""
        ...

    async def aclose(self) -> None:
        """Let go of files and connections."""
        ...
