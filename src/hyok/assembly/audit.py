"""The audit trail of the holder's side, for those who write to it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from hyok.assembly.holder import Holder
from hyok.assembly.recorded import Recorded
from hyok.audit.administration import append_following
from hyok.audit.log import AuditLog, LogRules
from hyok.audit.opening import open_audit_log
from hyok.audit.redaction import LEAST_KEY_BYTES, Redaction
from hyok.audit.retention import Retention
from hyok.audit.writer import Rotation
from hyok.config.references import resolve_secret
from hyok.config.settings import AuditSettings
from hyok.custody.audit_key import open_audit_signer
from hyok.custody.records import StoredRecord, copy_for_trail, read_records
from hyok.errors import OperatorError
from hyok.storage.engine import Storage

_MEBIBYTE = 1024 * 1024
_HOUR_SECONDS = 3600.0
_DAY_SECONDS = 24 * _HOUR_SECONDS


def open_service_log(settings: AuditSettings, holder: Holder, *, service: str) -> AuditLog:
    """Become the writer of one of a service's logs. OperatorError if the directory cannot be used."""
    return open_audit_log(
        settings.directory,
        service=service,
        signer=open_audit_signer(holder.storage, holder.safe, holder.clock),
        now=holder.clock.now,
        rules=LogRules(settings.durable, _rotation(settings), _retention(settings)),
    )


def copy_administrative_records(settings: AuditSettings, recorded: Recorded) -> int:
    """Append to the trail's log `administration` the storage's records that are not there yet; returns how many.

    Told from the last one there that the storage has as well, so that what a crash kept from being copied is copied
    the next time, and so is what follows in an older copy of the storage that was put back. Blocking.

    NotDoneError or OperatorError if the trail cannot be written.
    """
    signer = open_audit_signer(recorded.storage, recorded.safe, recorded.clock)
    copied = 0

    def following(last: Mapping[str, Any] | None) -> Iterator[Mapping[str, object]]:
        nonlocal copied
        after = last.get("sequence", 0) if last else 0
        while records := _records_after(recorded.storage, after):
            yield from map(copy_for_trail, records)
            copied += len(records)
            after = records[-1].record.sequence

    def is_stored(copy: Mapping[str, Any]) -> bool:
        stored = _records_after(recorded.storage, copy.get("sequence", 0) - 1, limit=1)
        return bool(stored) and stored[0].body == copy.get("record")

    if not _records_after(recorded.storage, 0, limit=1):
        return 0
    append_following(
        settings.directory,
        signer,
        following,
        is_known=is_stored,
        now=recorded.clock.now,
        rotation=_rotation(settings),
    )
    return copied


def _records_after(storage: Storage, sequence: int, *, limit: int = 1000) -> tuple[StoredRecord, ...]:
    with storage.reading() as connection:
        return read_records(connection, after=sequence, limit=limit)


def open_redaction(settings: AuditSettings) -> Redaction:
    """Return what exports and sinks are not told. OperatorError if pseudonyms are asked for without a key."""
    wanted = settings.redaction
    if wanted.pseudonymize and wanted.pseudonym_key is None:
        raise OperatorError("[audit.redaction] pseudonymize needs pseudonym_key: a secret of 32 bytes or more")
    secret = b"" if wanted.pseudonym_key is None else resolve_secret(wanted.pseudonym_key, os.environ).reveal()
    if wanted.pseudonymize and len(secret) < LEAST_KEY_BYTES:
        raise OperatorError(
            f"[audit.redaction] pseudonym_key has {len(secret)} bytes; expected {LEAST_KEY_BYTES} or more"
        )
    return Redaction(wanted.remove, wanted.pseudonymize, secret)


def _retention(settings: AuditSettings) -> Retention:
    keep_seconds = None if settings.keep_days is None else settings.keep_days * _DAY_SECONDS
    return Retention(keep_seconds, settings.archive)


def _rotation(settings: AuditSettings) -> Rotation:
    return Rotation(settings.segment_mebibytes * _MEBIBYTE, settings.segment_hours * _HOUR_SECONDS)
