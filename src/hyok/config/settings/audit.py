"""`[audit]`: the trail of who used which key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from hyok.config.references import SecretReference
from hyok.config.settings.audit_sinks import SinkSettings
from hyok.config.settings.base import About, Name, Settings

FieldPath = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_]+(\.[A-Za-z_]+)*\Z", max_length=256)]
_FIELDS = "a list of fields, a member of another as other.member"
KeptDays = Annotated[int, msgspec.Meta(ge=1, le=36_600)]


class RedactionSettings(Settings, frozen=True, kw_only=True):
    """What exports and sinks are not told. The trail itself keeps it."""

    remove: Annotated[tuple[FieldPath, ...], About("Fields that are left out.", '["peer", "detail"]', _FIELDS)] = ()
    pseudonymize: Annotated[
        tuple[FieldPath, ...],
        About(
            "Fields whose value is replaced by a pseudonym: the same for the same value, and of no use without the "
            "key.",
            '["request_metadata.awsPrincipalArn"]',
            _FIELDS,
        ),
    ] = ()
    pseudonym_key: Annotated[
        SecretReference | None,
        About("What pseudonyms are made with, 32 bytes or more.", '"file:/etc/hyok/pseudonym.key"'),
    ] = None


class AuditSettings(Settings, frozen=True, kw_only=True):
    """The trail of who used which key."""

    directory: Annotated[Path, About("Where its logs are.", '"/var/log/hyok/audit"')] = Path("/var/log/hyok/audit")
    durable: Annotated[
        bool,
        About(
            "Whether an answer waits until its record would survive a loss of power. Records survive the end of hyok "
            "itself, however it comes, in any case.",
            "true",
            "true or false",
        ),
    ] = False
    segment_mebibytes: Annotated[
        int,
        msgspec.Meta(ge=1, le=1024),
        About("A log's file of this size is closed and the next begun.", "64", "a whole number from 1 to 1024"),
    ] = 64
    segment_hours: Annotated[
        int,
        msgspec.Meta(ge=1, le=8784),
        About("So is one of this age.", "24", "a whole number from 1 to 8784"),
    ] = 24
    keep_days: Annotated[
        KeptDays | None,
        About(
            "Segments whose last record is older are removed, or taken to the archive, and a record says so; without "
            "it, all are kept.",
            "400",
            "a whole number from 1 to 36600",
        ),
    ] = None
    archive: Annotated[
        Path | None,
        About("Where they are taken: a trail that can be verified by itself.", '"/mnt/archive/hyok-audit"'),
    ] = None
    redaction: RedactionSettings = RedactionSettings()
    sinks: dict[Name, SinkSettings] = {}
