"""The log of what operators change: `administration`, a log like the workers', written by commands and servers.

Whoever appends takes the log's lock, goes on where the last writer stopped, and leaves it synced and signed. Many
processes may append; each waits for the one before.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from hyok.audit.abandoned import finish_abandoned
from hyok.audit.errors import AuditLogError, BrokenLogError
from hyok.audit.keeper import close_finished, prepare_next, publish
from hyok.audit.layout import ADMINISTRATION
from hyok.audit.notes import Signer
from hyok.audit.reader import StoredRecord, read_last_records
from hyok.audit.recovery import recover_log
from hyok.audit.structure import instant
from hyok.audit.trail import add_log, lock_log, open_trail
from hyok.audit.writer import Rotation, open_writer
from hyok.errors import NotDoneError

EVENT: Final = "administration"
_RESERVED: Final = frozenset(("event", "time"))
_BEGINNING: Final = b'{"event":"administration",'
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

    As `append_following`, whatever was there before.
    """
    return append_following(
        directory, signer, lambda _last: [record], is_known=lambda _: True, now=now, rotation=rotation
    )


def append_following(
    directory: Path,
    signer: Signer,
    following: Callable[[Mapping[str, Any] | None], Iterable[Mapping[str, object]]],
    *,
    is_known: Callable[[Mapping[str, Any]], bool],
    now: Callable[[], float] = time.time,
    rotation: Rotation | None = None,
) -> int:
    """Append to the trail's log `administration` what `following` gives for its last record that `is_known`, or None.

    Records are what JSON can hold; each gets `event` ("administration") and `time` before its own members, and is
    stored as given, so that an operator's signature in it can cover the rest. Returns the index of the last record in
    the log, once all are durable and signed. Nobody else appends meanwhile. Blocking (some milliseconds, and the turn
    of others): from a loop call it in a thread. `signer` comes from `hyok.custody.audit_key.open_audit_signer`.

    NotDoneError if they could not be written.
    """
    try:
        return _append(directory, signer, _Following(following, is_known), now, rotation)
    except (OSError, AuditLogError, BrokenLogError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise NotDoneError(f"the audit trail {directory} could not be written: {reason}") from error


class _Following(NamedTuple):
    records: Callable[[Mapping[str, Any] | None], Iterable[Mapping[str, object]]]
    is_known: Callable[[Mapping[str, Any]], bool]


def _append(
    directory: Path,
    signer: Signer,
    following: _Following,
    now: Callable[[], float],
    rotation: Rotation | None,
) -> int:
    trail = add_log(open_trail(directory, signer), ADMINISTRATION, signer)
    place = trail.place(ADMINISTRATION)
    descriptor = lock_log(place)
    try:
        recovered = recover_log(place, signer.key)
        finish_abandoned(place, recovered.segment, signer)
        writer = open_writer(place, recovered, rotation=rotation, now=now)
        try:
            for record in following.records(_last_record(directory, following.is_known)):
                line = _encode_line(record, now())
                if writer.segment.end >= writer.rolls_at:
                    prepare_next(writer, len(line) + 1)
                writer.write([line])
            close_finished(writer, signer)
            writer.segment.sync()
            checkpoint = writer.checkpoint()
            writer.save_hashes()
            publish(place, checkpoint, signer)
            return writer.size - 1
        finally:
            writer.segment.close()
    finally:
        os.close(descriptor)


def _encode_line(record: Mapping[str, object], now: float) -> bytes:
    if not _RESERVED.isdisjoint(record):
        raise ValueError("event and time are the log's own members")
    return _encode({"event": EVENT, "time": instant(now), **record})


def _last_record(directory: Path, is_known: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any] | None:
    def is_ours(record: StoredRecord) -> bool:
        return record.line.startswith(_BEGINNING)

    def is_ours_and_known(record: StoredRecord) -> bool:
        return is_ours(record) and (content := record.content()) is not None and is_known(content)

    # The very last is known, but after a return to an older state: only then is each of them looked at.
    last = read_last_records(directory, 1, wanted=is_ours, logs=(ADMINISTRATION,))
    if last and not is_ours_and_known(last[0]):
        last = read_last_records(directory, 1, wanted=is_ours_and_known, logs=(ADMINISTRATION,))
    return last[0].content() if last else None
