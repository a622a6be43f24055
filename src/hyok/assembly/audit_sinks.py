"""Where the audit trail is sent, from the settings."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from hyok.assembly.audit import open_redaction
from hyok.assembly.material import optional_key_pair, pem, socket_address, warn_of
from hyok.audit.cosignatures import parse_witness_key
from hyok.audit.errors import NoteError
from hyok.audit.formats import encode_cef, encode_jsonl
from hyok.audit.redaction import Redaction
from hyok.audit.sinks.file import FileSink
from hyok.audit.sinks.interface import Sink
from hyok.audit.sinks.shipping import Encode, Shipment, Shipping
from hyok.audit.sinks.stdout import StdoutSink
from hyok.audit.sinks.syslog import SyslogSink
from hyok.audit.sinks.witness import WitnessSink
from hyok.config.settings import (
    AuditSettings,
    FileSinkSettings,
    RecordFormat,
    SinkSettings,
    StdoutSinkSettings,
    SyslogSinkSettings,
    WitnessSinkSettings,
)
from hyok.errors import OperatorError
from hyok.transport.client import HttpClientPool
from hyok.transport.sockets import Address
from hyok.transport.tls import client_context

_LAST_SECONDS: Final = 3.0
"""For what is left when the proxy stops; the rest is sent after the next start."""
_HTTPS_PORT: Final = 443
_HTTP_PORT: Final = 80


@asynccontextmanager
async def shipping_trail(settings: AuditSettings) -> AsyncIterator[Mapping[str, Shipping]]:
    """Send the trail to all sinks for the length of the block. OperatorError if one cannot be set up."""
    shippings = {name: _open(name, sink, settings) for name, sink in settings.sinks.items()}
    tasks = [asyncio.create_task(each.run()) for each in shippings.values()]
    try:
        yield shippings
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                await asyncio.gather(*(each.send_rest() for each in shippings.values()))


def _open(name: str, sink: SinkSettings, settings: AuditSettings) -> Shipping:
    try:
        return Shipping(name, settings.directory, _sink(name, sink), _shipment(sink, open_redaction(settings)))
    except (NoteError, OperatorError) as error:
        raise OperatorError(f"[audit.sinks.{name}] {error}") from error


def _sink(name: str, settings: SinkSettings) -> Sink:
    match settings:
        case FileSinkSettings():
            return FileSink(settings.path)
        case StdoutSinkSettings():
            return StdoutSink()
        case SyslogSinkSettings():
            authorities = None if settings.authorities is None else pem(settings.authorities)
            shown = optional_key_pair(settings.client_certificate, settings.client_private_key)
            address = socket_address(settings.address)
            return SyslogSink(
                address,
                server_name=settings.server_name or address.host,
                tls=warn_of(client_context(authorities, shown, application_protocol=None)),
            )
        case WitnessSinkSettings():
            return _witness(name, settings)


def _witness(name: str, settings: WitnessSinkSettings) -> WitnessSink:
    parts = urlsplit(settings.url)
    host = parts.hostname or ""
    is_https = parts.scheme == "https"
    authorities = None if settings.authorities is None else pem(settings.authorities)
    client = HttpClientPool(
        Address(host, parts.port or (_HTTPS_PORT if is_https else _HTTP_PORT)),
        server_name=host,
        tls=warn_of(client_context(authorities)).context if is_https else None,
    )
    return WitnessSink(name, client, host=parts.netloc, target=settings.prefix, key=parse_witness_key(settings.key))


def _shipment(settings: SinkSettings, redaction: Redaction) -> Shipment:
    if isinstance(settings, WitnessSinkSettings):
        return Shipment(None, settings.checkpoint_seconds)
    return Shipment(_encoder(settings.format, redaction), settings.checkpoint_seconds or None)


def _encoder(record_format: RecordFormat, redaction: Redaction) -> Encode:
    encode = encode_cef if record_format == "cef" else encode_jsonl
    return lambda record, log, number: encode(redaction.apply(record), log, number)
