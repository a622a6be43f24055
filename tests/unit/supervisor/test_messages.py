from __future__ import annotations

import asyncio
import socket

import trustme

from hyok.custody.safe import SafeKey
from hyok.secret import Secret
from hyok.supervisor.messages import (
    Beat,
    Channel,
    Failed,
    FromParent,
    FromWorker,
    Orders,
    Ready,
    ReplaceTls,
    Stop,
    Stopping,
    TlsKept,
    open_parents_end,
    open_workers_end,
)
from hyok.transport.reloading import check_tls
from hyok.transport.tls import ClientCertificates
from tests.unit.transport.certificates import authority_source, key_pair

AUTHORITY = trustme.CA()
TLS = check_tls(
    key_pair(AUTHORITY, "localhost"), ClientCertificates(authority_source(AUTHORITY), frozenset({"kms", "other"}))
)
KEK = Secret(bytes(range(32)))
ORDERS = Orders(
    configuration=b"# \xff not even UTF-8\n",
    configuration_file="/etc/hyok/hyok.toml",
    safe_key=SafeKey("store", (KEK,), "root"),
    tls=TLS,
    listeners={"proxy": (7, 8)},
    instance="one of the proxies",
    quotas=9,
)


async def both_ends() -> tuple[Channel[FromWorker], Channel[FromParent]]:
    ours, theirs = socket.socketpair()
    return await open_parents_end(ours), await open_workers_end(theirs)


def test_what_is_sent_is_what_is_received_secrets_and_all() -> None:
    async def scenario() -> None:
        parent, worker = await both_ends()
        for order in (ORDERS, ReplaceTls(TLS), Stop()):
            parent.send(order)
            assert await worker.receive() == order
        for word in (Ready(), Beat(), TlsKept("why"), Stopping(), Failed("because")):
            worker.send(word)
            assert await parent.receive() == word
        await worker.close()
        assert await parent.receive() is None
        parent.send(Stop())  # to nobody
        await parent.close()

    asyncio.run(scenario())


def test_a_certificate_that_was_handed_over_serves() -> None:
    async def scenario() -> None:
        parent, worker = await both_ends()
        parent.send(ReplaceTls(TLS))
        received = await worker.receive()
        assert isinstance(received, ReplaceTls)
        assert received.tls.setup().expires_at == TLS.state.expires_at
        await parent.close()
        await worker.close()

    asyncio.run(scenario())


def test_what_is_no_message_is_as_good_as_an_end() -> None:
    async def scenario() -> None:
        ours, theirs = socket.socketpair()
        parent = await open_parents_end(ours)
        theirs.sendall(b'{"type":"Orders"}\n')
        assert await parent.receive() is None
        theirs.close()
        await parent.close()

    asyncio.run(scenario())


def test_no_secret_is_shown() -> None:
    assert repr(KEK.reveal())[2:-1] not in repr(ORDERS)
    assert "PRIVATE KEY" not in repr(ORDERS)
    assert "Secret(32 bytes)" in repr(ORDERS)
