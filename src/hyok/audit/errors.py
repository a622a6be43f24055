"""What can go wrong with an audit log."""

from __future__ import annotations

from typing import Final

import msgspec

from hyok.errors import HyokError

UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding bytes that are no JSON of ours can raise: bad UTF-8 is a ValueError, deep nesting the last."""


class AuditLogError(HyokError):
    """The audit log cannot be written; no answer of this turn may leave as a success."""


class BrokenLogError(HyokError):
    """What lies on the disk is not what was written there: the text says where."""


class NoteError(HyokError):
    """A text that is no signed note, no checkpoint, or not signed by the key that it should be."""
