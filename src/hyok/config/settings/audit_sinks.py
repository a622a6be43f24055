"""`[audit.sinks.NAME]`: where the trail's records and checkpoints go besides its own files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from hyok.config.references import SecretReference
from hyok.config.settings.base import SECONDS, About, HostName, Seconds, ServerUrl, Settings
from hyok.config.values import Address

RecordFormat = Literal["jsonl", "cef"]
_FORMAT = About("jsonl: one JSON object a line. cef: ArcSight's Common Event Format.", '"cef"', '"jsonl" or "cef"')
CheckpointSeconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
_CHECKPOINTS = About(
    "How often it is also sent each log's newest signed checkpoint; 0 for never.", "60.0", "a number from 0 to 86400"
)


class FileSinkSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="file"):
    """Records are appended to a file; checkpoints to another beside it, with `.checkpoints` behind its name."""

    path: Annotated[Path, About("Where. It may be moved away at any time.", '"/mnt/elsewhere/hyok.jsonl"')]
    format: Annotated[RecordFormat, _FORMAT] = "jsonl"
    checkpoint_seconds: Annotated[CheckpointSeconds, _CHECKPOINTS] = 60.0


class StdoutSinkSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="stdout"):
    """Records are written to the standard output of `hyok proxy serve`."""

    format: Annotated[RecordFormat, _FORMAT] = "jsonl"
    checkpoint_seconds: Annotated[CheckpointSeconds, _CHECKPOINTS] = 60.0


class SyslogSinkSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="syslog"):
    """Records are sent to a syslog server, RFC 5424 over TLS."""

    address: Annotated[Address, About("Where it listens; 6514 is its port.", '"siem.example.com:6514"')]
    server_name: Annotated[
        HostName | None,
        About(
            "What its certificate must say, if that is not the host of its address.",
            '"siem.example.com"',
            "a host name in lower case",
        ),
    ] = None
    authorities: Annotated[
        SecretReference | None,
        About("The CAs that sign its certificate (PEM); without it, those the system trusts.", '"file:siem-ca.pem"'),
    ] = None
    client_certificate: Annotated[
        SecretReference | None, About("What it is shown (PEM).", '"file:siem-client.pem"')
    ] = None
    client_private_key: Annotated[SecretReference | None, About("Its private key (PEM).", '"file:siem-client.key"')] = (
        None
    )
    format: Annotated[RecordFormat, _FORMAT] = "jsonl"
    checkpoint_seconds: Annotated[CheckpointSeconds, _CHECKPOINTS] = 60.0


class WitnessSinkSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="witness"):
    """A witness (C2SP tlog-witness) is sent checkpoints, no records, and signs that the logs only grow."""

    url: Annotated[
        ServerUrl,
        About("Its submission prefix.", '"https://witness.example.com"', "https://HOST:PORT"),
    ]
    key: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=512),
        About(
            "Its public key, as it makes it known: NAME+KEY ID+BASE64.",
            '"witness.example.com/w1+a3e00fe2+BNO/co4C1Hp1liLwCyfgInlz7lPACWQMC9r1U0+DMsxa"',
            "a text in quotes",
        ),
    ]
    prefix: Annotated[
        str,
        msgspec.Meta(pattern=r"^(/[A-Za-z0-9._~-]+)*\Z", max_length=256),
        About("The path below which it serves.", '"/logs"', "a path that begins with a slash and ends without one"),
    ] = ""
    authorities: Annotated[
        SecretReference | None,
        About("The CAs that sign its certificate (PEM); without it, those the system trusts.", '"file:witness-ca.pem"'),
    ] = None
    checkpoint_seconds: Annotated[Seconds, About("How often.", "60.0", SECONDS)] = 60.0


SinkSettings = FileSinkSettings | StdoutSinkSettings | SyslogSinkSettings | WitnessSinkSettings
"""One of the kinds of sink, told apart by `kind`."""
