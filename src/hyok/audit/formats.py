"""Records as other programs read them; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Any, Final

import msgspec

_encode: Final = msgspec.json.Encoder().encode
_VERSION: Final = version("hyok")
_OK, _REFUSED, _FAILED = 3, 6, 7
_REFUSALS: Final = frozenset(("AuthenticationFailedException", "AccessDeniedException"))
_CEF_HEADER: Final = str.maketrans({"\\": "\\\\", "|": "\\|", "\n": " ", "\r": " "})
_CEF_VALUE: Final = str.maketrans({"\\": "\\\\", "=": "\\=", "\n": "\\n", "\r": "\\r"})


def encode_jsonl(record: Mapping[str, Any], log: str, number: int) -> bytes:
    """Write a record as JSON with the log it is in and its number there."""
    return _encode({**record, "log": log, "number": number})


def encode_cef(record: Mapping[str, Any], log: str, number: int) -> bytes:
    """Write a record in ArcSight's Common Event Format, version 0.

    The fields that CEF has no name for: cs1 KMS key, cs2 external key, cs3 key store, cs4 policy statement, cs5
    credential, cs6 log and number in it, cn1 key version, cn2 duration in µs.
    """
    asked = record.get("request_metadata") or {}
    event = str(record.get("event", "record"))
    name = str(record.get("operation") or record.get("action") or event)
    error = record.get("error")
    severity = _OK if error is None else _REFUSED if error in _REFUSALS else _FAILED
    address, _, port = str(record.get("peer", "")).rpartition(":")
    fields = {
        "rt": _milliseconds(record.get("time")),
        "externalId": asked.get("kmsRequestId"),
        "act": asked.get("kmsOperation") or record.get("action"),
        "outcome": None if event != "xks_request" else "success" if error is None else "failure",
        "reason": error,
        "msg": record.get("detail"),
        "suser": asked.get("awsPrincipalArn") or record.get("operator"),
        "src": address.strip("[]"),
        "spt": port,
        **_labelled("cs1", "kmsKeyArn", asked.get("kmsKeyArn")),
        **_labelled("cs2", "externalKeyId", record.get("external_key_id") or record.get("subject")),
        **_labelled("cs3", "keyStore", record.get("key_store")),
        **_labelled("cs4", "policyStatement", _joined(record.get("policy"), record.get("statement"))),
        **_labelled("cs5", "credentialId", record.get("credential_id")),
        **_labelled("cs6", "record", f"{log}/{number}"),
        **_labelled("cn1", "keyVersion", record.get("key_version")),
        **_labelled("cn2", "durationMicroseconds", record.get("duration_us")),
    }
    head = "|".join(part.translate(_CEF_HEADER) for part in ("CEF:0", "hyok", "hyok", _VERSION, event, name))
    tail = " ".join(f"{field}={str(value).translate(_CEF_VALUE)}" for field, value in fields.items() if value)
    return f"{head}|{severity}|{tail}".encode()


def _labelled(field: str, label: str, value: object) -> dict[str, object]:
    return {f"{field}Label": label, field: value} if value else {}


def _joined(policy: object, statement: object) -> str:
    return "/".join(str(part) for part in (policy, statement) if part)


def _milliseconds(time: object) -> int | None:
    try:
        return int(datetime.fromisoformat(str(time)).timestamp() * 1000)
    except ValueError:
        return None


def encode_checkpoint(log: str, note: bytes) -> bytes:
    """Write a signed checkpoint as JSON on one line."""
    return _encode({"event": "checkpoint", "log": log, "note": note.decode()})
