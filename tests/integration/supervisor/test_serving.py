"""What a running proxy offers besides the XKS proxy API: probes of their own, and the strict suites."""

from __future__ import annotations

import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from tests.integration.supervisor.rig import Load, Start, await_true, running_proxy


def probe(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310  # of http: alone
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def is_taken(port: int, suites: str) -> bool:
    """Ask with OpenSSL's client whether TLS 1.3 with these suites is accepted."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_3", "-ciphersuites", suites]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=10).returncode == 0


def test_strict_suites_are_the_four_that_the_specification_names_and_probes_have_a_listener_of_their_own(
    start: Start,
) -> None:
    with running_proxy(start, tls_suites="strict", health_listen="127.0.0.1:0", workers=1) as proxy:
        port, health = proxy.port, proxy.port_of("health")
        assert probe(health, "/ping") == (200, b"pong\n")
        await_true(lambda: probe(health, "/ready") == (200, b"ready\n"))
        assert probe(health, start.uri_path + "/health", "POST")[0] == 404
        assert is_taken(port, "TLS_AES_256_GCM_SHA384")
        assert is_taken(port, "TLS_CHACHA20_POLY1305_SHA256")
        assert not is_taken(port, "TLS_AES_128_GCM_SHA256")
        with Load(start, port) as load:
            load.go_on()
    assert load.failures == []


def test_a_worker_whose_openssl_offers_more_than_the_strict_suites_does_not_serve(start: Start, tmp_path: Path) -> None:
    configuration = tmp_path / "openssl.cnf"
    configuration.write_text("")
    with running_proxy(start, environment={"OPENSSL_CONF": str(configuration)}, tls_suites="strict") as proxy:
        assert proxy.wait() == 2
    (sentence,) = proxy.other_lines
    assert sentence.startswith("hyok: proxy.tls_suites is strict, and OpenSSL offers ")
    assert "TLS_AES_128_GCM_SHA256" in sentence


def test_a_port_in_use_is_one_sentence_and_status_2(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with running_proxy(start, health_listen=address) as proxy:
            assert proxy.wait() == 2
    assert proxy.other_lines[0].startswith(f"hyok: cannot listen on {address}: another program listens there")
