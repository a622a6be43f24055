"""An authorizer over HTTP or TLS that answers as the Open Policy Agent does: a double, in a thread of its own."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

Decide = Callable[[dict[str, Any]], tuple[int, bytes]]


class Double(NamedTuple):
    """Where it is, and what it was asked."""

    url: str
    asked: list[dict[str, Any]]
    headers: list[dict[str, str]]


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet: clients go away at their deadlines."""


@contextmanager
def authorizer_double(decide: Decide, tls: ssl.SSLContext | None = None) -> Iterator[Double]:
    """Serve until the block ends; `decide` returns status and body for an input."""
    asked: list[dict[str, Any]] = []
    headers: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append(document["input"])
            headers.append({name.lower(): value for name, value in self.headers.items()})
            status, body = decide(document["input"])
            self.send_response(status)
            if status == 302:
                self.send_header("location", "/elsewhere")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    scheme = "http" if tls is None else "https"
    try:
        yield Double(f"{scheme}://localhost:{server.server_port}/v1/data/hyok/allow", asked, headers)
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def answering(result: Any) -> Decide:
    """Decide the same each time."""
    return lambda _: (200, json.dumps({"result": result}).encode())
