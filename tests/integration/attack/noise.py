"""What is no TLS and what is no HTTP, endlessly, the same for the same seed."""

from __future__ import annotations

import random
import ssl

from tests.fuzz.test_fuzz import mutate
from tests.integration.limits.cases import MALFORMED, SMUGGLED, WELL_FORMED

_HTTP = (*(case.raw for case in MALFORMED.values()), *WELL_FORMED.values())
_VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
_RECORD_TYPES = (20, 21, 22, 23, 24, 0, 255)
_ALERT = b"\x15\x03\x03\x00\x02\x02\x28"


class TlsNoise:
    """Bytes for a port where a server expects a TLS handshake."""

    def __init__(self) -> None:
        self._hellos = tuple(_client_hello(version) for version in _VERSIONS)

    def generate(self, source: random.Random) -> bytes:
        """Return what one client sends."""
        hello = source.choice(self._hellos)
        match source.randrange(8):
            case 0 | 1 | 2:
                return mutate(hello, source)
            case 3:
                return hello[: source.randrange(len(hello))]
            case 4:
                return hello + records(source)
            case 5:
                return records(source) + hello
            case 6:
                return source.choice((_ALERT, hello + hello, hello + _ALERT, bytes(300), b"GET / HTTP/1.1\r\n\r\n"))
            case _:
                return source.randbytes(source.randrange(1, 600))


def records(source: random.Random) -> bytes:
    """Return TLS records of any type and version, with lengths that need not be right."""
    made = b""
    for _ in range(source.randint(1, 3)):
        content = source.randbytes(source.choice((0, 1, 7, 100, 600)))
        length = len(content) if source.random() < 0.7 else source.choice((0, 1, 16_384, 18_433, 65_535))
        made += bytes([source.choice(_RECORD_TYPES), 3, source.randrange(5)]) + length.to_bytes(2, "big") + content
    return made


def http_noise(source: random.Random) -> bytes:
    """Return requests that are wrong in their framing, some of them more than once."""
    data = source.choice(_HTTP)
    if source.random() < 0.7:
        data = mutate(data, source)
    return data + SMUGGLED if source.random() < 0.5 else data


def _client_hello(version: ssl.TLSVersion) -> bytes:
    context = ssl.create_default_context()
    context.minimum_version = context.maximum_version = version
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake without a server")
