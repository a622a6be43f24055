"""Our own transport with a constant reply, for measurement: `python -m benchmarks.constant_server TLS_DIRECTORY PORT`.

What of a request is TLS, HTTP and the event loop, and what the proxy itself.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.machine import free_port, pinned_server
from hyok.transport.messages import HttpRequest, HttpResponse, Peer, Refusal
from hyok.transport.pem import read_pem
from hyok.transport.serving import Endpoint, run, serve
from hyok.transport.sockets import Address
from hyok.transport.tls import KeyPair, server_context

REPLY = b'{"answer":"' + b"A" * 317 + b'"}'
"""As nginx gives it."""


class ConstantService:
    """Says the same to everything; an `HttpService`."""

    async def answer(self, _request: HttpRequest) -> HttpResponse:
        """Say it."""
        return HttpResponse(200, REPLY)

    def refuse(self, refusal: Refusal, _peer: Peer) -> HttpResponse:
        """Say that nothing was understood."""
        return HttpResponse(refusal.value, b"")

    def before_answers_leave(self) -> None:
        """Let them go: nothing is recorded."""

    def answer_failed(self) -> HttpResponse:
        """Say that it failed."""
        return HttpResponse(500, b"")


@contextmanager
def constant_transport(tls: Path) -> Iterator[tuple[int, int]]:
    """Run it on the server's core with the certificate in `tls`; yields its process id and port."""
    port = free_port()
    command: list[str | Path] = [sys.executable, "-m", "benchmarks.constant_server", tls, str(port)]
    with pinned_server(command, port=port) as pid:
        yield pid, port


async def _serve(tls: Path, port: int) -> None:
    context = server_context(KeyPair(read_pem(tls / "server.pem"), read_pem(tls / "server.key"))).context
    async with serve([Endpoint("constant", Address("127.0.0.1", port), ConstantService(), context)]):
        await asyncio.Event().wait()


if __name__ == "__main__":
    run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
