"""A client that ends its side of TLS right behind its requests, and reads on."""

from __future__ import annotations

import contextlib
import socket
import ssl

from hyok.transport.sockets import Address


def ask_and_end(address: Address, context: ssl.SSLContext, *requests: bytes) -> bytes:
    """Send requests and close_notify in one piece; return all that comes until the server closes. Blocks."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(address, timeout=5) as connected:
        while not _shake_hands(tls):
            connected.sendall(outgoing.read())
            incoming.write(connected.recv(65536))
        connected.sendall(outgoing.read())
        for request in requests:
            tls.write(request)
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.unwrap()
        connected.sendall(outgoing.read())
        while piece := connected.recv(65536):
            incoming.write(piece)
    incoming.write_eof()
    received = bytearray()
    with contextlib.suppress(ssl.SSLZeroReturnError):
        while read := tls.read(65536):
            received += read
    return bytes(received)


def _shake_hands(tls: ssl.SSLObject) -> bool:
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
