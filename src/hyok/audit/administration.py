"""The log of what operators change: `administration`, a log like the workers', written by commands and servers.

Whoever appends takes the log's lock, goes on where the last writer stopped, and leaves it synced and signed. Many
processes may append; each waits for the one before.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from hyok.audit.abandoned import finish_abandoned
from hyok.audit.errors import AuditLogError, BrokenLogError
from hyok.audit.keeper import close_finished, prepare_next, publish
from hyok.audit.layout import ADMINISTRATION
from hyok.audit.notes import Signer
from hyok.audit.recovery import recover_log
from hyok.audit.structure import instant
from hyok.audit.trail import add_log, lock_log, open_trail
from hyok.audit.writer import Rotation, open_writer
from hyok.errors import NotDoneError

EVENT: Final = "administration"
_RESERVED: Final = frozenset(("event", "time"))
_encode: Final = msgspec.json.Encoder().encode


def append_administrative(
    directory: Path,
    signer: Signer,
    record: Mapping[str, object],
    *,
    now: Callable[[], float] = time.time,
    rotation: Rotation | None = None,
) -> int:
    """Append one record to the trail's log `administration`; returns its index there, once it is durable and signed.

    `record` is what JSON can hold; it gets `event` ("administration") and `time` before its own members, and is stored
    as given, so that an operator's signature in it can cover the rest. Blocking (a few milliseconds, and the turn of
    others): from a loop call it in a thread. `signer` comes from `hyok.custody.audit_key.open_audit_signer`.

    NotDoneError if it could not be written: then what it tells of must not be done.
    """
    if not _RESERVED.isdisjoint(record):
        raise ValueError("event and time are the log's own members")
    line = _encode({"event": EVENT, "time": instant(now()), **record})
    try:
        return _append(directory, signer, line, now, rotation)
    except (OSError, AuditLogError, BrokenLogError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise NotDoneError(
            f"nothing was changed, because it could not be recorded in the audit trail {directory}: {reason}"
        ) from error


def _append(directory: Path, signer: Signer, line: bytes, now: Callable[[], float], rotation: Rotation | None) -> int:
    trail = add_log(open_trail(directory, signer), ADMINISTRATION, signer)
    place = trail.place(ADMINISTRATION)
    descriptor = lock_log(place)
    try:
        recovered = recover_log(place, signer.key)
        finish_abandoned(place, recovered.segment, signer)
        writer = open_writer(place, recovered, rotation=rotation, now=now)
        try:
            if writer.segment.end >= writer.rolls_at:
                prepare_next(writer, len(line) + 1)
            writer.write([line])
            close_finished(writer, signer)
            writer.segment.sync()
            writer.segment.save_hashes()
            publish(place, writer.checkpoint(), signer)
            return writer.size - 1
        finally:
            writer.segment.close()
    finally:
        os.close(descriptor)
