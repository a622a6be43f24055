"""Records at a syslog server: RFC 5424 messages over real TLS, and what happens when it goes away."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from pathlib import Path

import pytest
import trustme

from hyok.audit.formats import encode_jsonl
from hyok.audit.sinks.interface import SignedState, SinkError
from hyok.audit.sinks.shipping import Shipment, Shipping
from hyok.audit.sinks.syslog import SyslogSink
from hyok.audit.trail import read_trail
from hyok.transport.sockets import Address
from hyok.transport.tls import client_context
from tests.unit.audit.logs import append, new_signer, open_log
from tests.unit.transport.certificates import authority_source

SIGNER = new_signer()
HEAD = re.compile(rb"<110>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \S+ hyok \d+ (record|checkpoint) - ")


class SyslogServer:
    """Reads messages with their lengths before them, as RFC 5425 has it."""

    def __init__(self) -> None:
        self.authority = trustme.CA()
        self.messages: list[bytes] = []
        self.connections: list[asyncio.StreamWriter] = []
        self.is_deaf = False
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> Address:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("localhost").configure_cert(context)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=context)
        return Address("127.0.0.1", self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        connections, self.connections = self.connections, []
        for connection in connections:
            if not connection.is_closing():
                connection.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        try:
            while length := await reader.readuntil(b" "):
                self.messages.append(await reader.readexactly(int(length)))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def sink(self, address: Address) -> SyslogSink:
        tls = client_context(authority_source(self.authority), application_protocol=None)
        return SyslogSink(address, server_name="localhost", tls=tls)

    def contents(self) -> list[dict[str, object]]:
        return [json.loads(HEAD.sub(b"", message)) for message in self.messages]


def write(directory: Path, *key_ids: str) -> None:
    log = open_log(directory, SIGNER)
    append(log, *key_ids)
    log.close()


def test_records_and_checkpoints_arrive_as_messages_in_order(tmp_path: Path) -> None:
    write(tmp_path, *map(str, range(1000)))

    async def scenario() -> SyslogServer:
        server = SyslogServer()
        address = await server.start()
        shipping = Shipping("siem", tmp_path, server.sink(address), Shipment(encode_jsonl, 0.0))
        await shipping.send_rest()
        await asyncio.sleep(0.05)
        await server.stop()
        return server

    server = asyncio.run(scenario())
    assert all(HEAD.match(message) for message in server.messages)
    contents = server.contents()
    assert [each["external_key_id"] for each in contents if "external_key_id" in each] == list(map(str, range(1000)))
    assert {each["log"] for each in contents} == {"proxy-1"}
    assert any(each["event"] == "checkpoint" for each in contents)


def test_nothing_is_lost_when_the_server_is_away_for_a_time(tmp_path: Path) -> None:
    write(tmp_path, "a", "b")

    async def scenario() -> SyslogServer:
        server = SyslogServer()
        address = await server.start()
        sink = server.sink(address)
        shipping = Shipping("siem", tmp_path, sink, Shipment(encode_jsonl, None))
        await shipping.send()
        await asyncio.sleep(0.05)
        await server.stop()
        write(tmp_path, "c")
        with pytest.raises(SinkError, match=r"the syslog server 127\.0\.0\.1:\d+"):
            await shipping.send()
        await server.start(address.port)
        await shipping.send_rest()
        await asyncio.sleep(0.05)
        await server.stop()
        return server

    keys = [each["external_key_id"] for each in asyncio.run(scenario()).contents() if "external_key_id" in each]
    assert [key for at, key in enumerate(keys) if key not in keys[:at]] == ["a", "b", "c"]


def test_a_server_with_a_certificate_of_somebody_else_is_sent_nothing(tmp_path: Path) -> None:
    write(tmp_path, "a")

    async def scenario() -> SyslogServer:
        server = SyslogServer()
        address = await server.start()
        other = SyslogServer()
        state = SignedState(read_trail(tmp_path, None).place("proxy-1"), b"note")
        with pytest.raises(SinkError, match="certificate"):
            await other.sink(address).send_checkpoints([state])
        await server.stop()
        return server

    assert asyncio.run(scenario()).messages == []
