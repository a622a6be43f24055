"""Remove the oldest segments, or take them to an archive, so that what stays and what went can both be verified.

What stays begins with the hashes of all that went before. That segments went, and by which rule, is a record of the log
itself: a segment that is missing without one was removed by somebody else. The archive is a trail of its own, with a
signed list of its logs.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final, NamedTuple

from hyok.audit.checkpoints import open_checkpoint
from hyok.audit.errors import BrokenLogError, NoteError
from hyok.audit.layout import LogPlace
from hyok.audit.notes import Signer
from hyok.audit.structure import SegmentsRetired, encode_structural, instant
from hyok.audit.trail import open_archive, replace_file
from hyok.audit.writer import LogWriter
from hyok.storage.files import create_directory, sync_directory

LOOK_SECONDS: Final = 3600.0
"""How often a log is looked at."""


class Retention(NamedTuple):
    """How long segments are kept."""

    keep_seconds: float | None = None
    """None: for ever."""
    archive: Path | None = None
    """Where they are taken then; nowhere if None."""


def retire_segments(writer: LogWriter, signer: Signer, retention: Retention) -> None:
    """Retire the segments whose last record is older than the rule allows. OSError, AuditLogError, BrokenLogError."""
    if retention.keep_seconds is None:
        return
    place = writer.place
    old = _find_old(place, writer.segment.number, before=writer.now() - retention.keep_seconds)
    if not old:
        return
    try:
        last = open_checkpoint(place.closing_checkpoint_file(old[-1]).read_bytes(), signer.key)
    except NoteError as error:
        raise BrokenLogError(f"segment {old[-1]:06} is not retired, because its checkpoint is not right") from error
    # 1. What goes is elsewhere before it goes.
    if retention.archive is not None:
        _copy(place, old, retention.archive, signer)
    # 2. That it goes is recorded.
    record = SegmentsRetired(
        time=instant(writer.now()),
        first_segment=old[0],
        last_segment=old[-1],
        records=last.size,
        root=last.root_text(),
        archive="" if retention.archive is None else str(retention.archive),
    )
    writer.write([encode_structural(record)])
    writer.segment.sync()
    # 3. Then it goes, the oldest first: what stays has no gap at any moment.
    for number in old:
        for file in _files(place, number):
            file.unlink(missing_ok=True)
    sync_directory(place.directory)


def _find_old(place: LogPlace, current: int, *, before: float) -> list[int]:
    old = []
    for number in place.segments():
        is_closed = number < current and place.closing_checkpoint_file(number).exists()
        if not is_closed or place.segment_file(number).stat().st_mtime >= before:
            break
        old.append(number)
    return old


def _copy(place: LogPlace, numbers: list[int], archive: Path, signer: Signer) -> None:
    target = open_archive(archive, place, signer)
    create_directory(target.directory)
    for number in numbers:
        for source, copied in zip(_files(place, number), _files(target, number), strict=True):
            draft = copied.with_name(copied.name + ".new")
            shutil.copyfile(source, draft)
            draft.chmod(0o600)
            descriptor = os.open(draft, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            draft.replace(copied)
    replace_file(target.checkpoint_file, target.closing_checkpoint_file(numbers[-1]).read_bytes())
    sync_directory(target.directory)


def _files(place: LogPlace, number: int) -> tuple[Path, Path, Path]:
    return place.closing_checkpoint_file(number), place.hashes_file(number), place.segment_file(number)
