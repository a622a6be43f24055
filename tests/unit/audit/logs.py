"""Signers, logs and records for tests."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hyok.audit.event import RequestRecord
from hyok.audit.log import AuditLog, LogRules
from hyok.audit.notes import Signer
from hyok.audit.opening import open_audit_log
from hyok.audit.retention import Retention
from hyok.audit.writer import Rotation

NOW = 1_764_000_000.5
SMALL_RESERVE_BYTES = 256 * 1024


def new_signer() -> Signer:
    return Signer(os.urandom(32))


def open_log(
    directory: Path,
    signer: Signer,
    *,
    rotation: Rotation | None = None,
    retention: Retention | None = None,
    is_durable: bool = False,
    now: Callable[[], float] = lambda: NOW,
) -> AuditLog:
    """Open the first free log of the service `proxy`."""
    rules = LogRules(is_durable, rotation or Rotation(), retention or Retention(), SMALL_RESERVE_BYTES)
    return open_audit_log(directory, service="proxy", signer=signer, now=now, rules=rules)


def make_record(key_id: str, *, at: float = NOW, credential_id: str = "AKALPHA2222222222222") -> RequestRecord:
    return RequestRecord(
        datetime.fromtimestamp(at, UTC), "192.0.2.7:4711", external_key_id=key_id, credential_id=credential_id
    )


def append(log: AuditLog, *key_ids: str) -> None:
    """Append the records of requests for these keys, as the proxy does."""
    for key_id in key_ids:
        promised = log.reserve(100)
        assert promised
        log.append(make_record(key_id), promised)


def records_in(segment: Path) -> list[dict[str, Any]]:
    """Read every record of a segment, those that the log makes of itself too."""
    return [json.loads(line) for line in segment.read_bytes().splitlines()]


def requests_in(segment: Path) -> list[dict[str, Any]]:
    """Read the records of requests."""
    return [record for record in records_in(segment) if record["event"] == "xks_request"]
