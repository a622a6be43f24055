"""OpenSSL's client and curl, as processes: what others use, and none of it ours."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.integration.tls.certificates import Files

_PING = b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
PATIENCE_SECONDS = 10
_TLS_1_3 = (
    "AES_256_GCM_SHA384",
    "CHACHA20_POLY1305_SHA256",
    "AES_128_GCM_SHA256",
    "AES_128_CCM_SHA256",
    "AES_128_CCM_8_SHA256",
)


class Outcome(NamedTuple):
    """What a program came to."""

    status: int
    said: str
    """Both its streams."""

    @property
    def is_served(self) -> bool:
        """Whether the proxy answered the ping."""
        return self.status == 0 and "pong" in self.said

    @property
    def is_refused(self) -> bool:
        """Whether the program failed and no HTTP came."""
        return self.status != 0 and "pong" not in self.said and "HTTP/1.1 " not in self.said


def s_client(port: int, *options: str, ca: Path, pair: Files | None = None) -> Outcome:
    """Ask for a ping with OpenSSL's client."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", "-ign_eof"]
    command += ["-CAfile", str(ca), "-verify_return_error", *options]
    if pair is not None:
        command += ["-cert", str(pair.certificate), "-cert_chain", str(pair.certificate), "-key", str(pair.private_key)]
    return _run(command, _PING)


def renegotiate(port: int, *, ca: Path) -> Outcome:
    """Let OpenSSL's client negotiate anew on a connection of TLS 1.2, and wait until the connection has ended."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(ca), "-tls1_2"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(b"R\n")
        client.stdin.flush()
        said = client.stdout.read()
    return Outcome(client.returncode, said.decode("utf-8", "replace"))


def curl(port: int, *options: str, ca: Path, pair: Files | None = None) -> Outcome:
    """Ask for a ping with curl."""
    command = ["curl", "--silent", "--show-error", "--cacert", str(ca), *options]
    if pair is not None:
        command += ["--cert", str(pair.certificate), "--key", str(pair.private_key)]
    return _run([*command, f"https://localhost:{port}/ping"], b"")


@cache
def suites(version: str) -> Sequence[str]:
    """Return every cipher suite that OpenSSL's client has for a version, also those that nobody should use."""
    command = ["openssl", "ciphers", "-s", f"-{version}", "ALL:eNULL:@SECLEVEL=0"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().split(":")
    if version == "tls1_3":
        return tuple(f"TLS_{name}" for name in _TLS_1_3)
    return tuple(suite for suite in listed if not suite.startswith("TLS_"))


def _run(command: Sequence[str], sends: bytes) -> Outcome:
    finished = subprocess.run(command, input=sends, capture_output=True, timeout=PATIENCE_SECONDS)
    return Outcome(finished.returncode, (finished.stdout + finished.stderr).decode("utf-8", "replace"))
