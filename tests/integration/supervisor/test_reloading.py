"""Certificates and configuration change under load; what does not serve is kept out."""

from __future__ import annotations

import os
import signal
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from tests.integration.supervisor.conftest import Pair
from tests.integration.supervisor.rig import HOST, Load, Start, await_true, running_proxy


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "new-ca.pem"))
    return authority


def install(start: Start, authority: trustme.CA, *, key_of: trustme.LeafCert | None = None) -> bytes:
    """Put a new certificate where the proxy's is, file by file as people do; returns it as DER."""
    leaf = authority.issue_cert(HOST)
    tls = start.directory / "tls"
    (tls / "server.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    (tls / "server.key").write_bytes((key_of or leaf).private_key_pem.bytes())
    return ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())


class Held:
    """A connection that is held open, and asked now and then."""

    def __init__(self, start: Start, port: int) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._request = start.encrypt_request()
        self._connected = context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname=HOST)
        self.certificate = self._connected.getpeercert(binary_form=True)

    def ask(self) -> bytes:
        self._connected.settimeout(5)
        self._connected.sendall(self._request)
        return self._connected.recv(65536)

    def close(self) -> None:
        self._connected.close()


def shown_certificate(start: Start, port: int) -> bytes | None:
    held = Held(start, port)
    held.close()
    return held.certificate


@pytest.mark.parametrize("by_signal", [True, False], ids=["SIGHUP", "a look at the files"])
def test_a_new_certificate_is_served_to_new_connections_while_the_old_live_on(
    pair: Pair, authority: trustme.CA, tmp_path: Path, *, by_signal: bool
) -> None:
    start, proxy = pair
    trusted = [tmp_path / "new-ca.pem", tmp_path / "old-ca.pem"]
    old_authority = trustme.CA()
    old_authority.cert_pem.write_to_path(str(trusted[1]))
    old = install(start, old_authority)
    await_true(lambda: shown_certificate(start, proxy.port) == old)
    held = Held(start, proxy.port)
    with Load(start, proxy.port, authorities=trusted) as load:
        workers = proxy.workers()
        new = install(start, authority)
        if by_signal:
            proxy.send(signal.SIGHUP)
        await_true(lambda: all(shown_certificate(start, proxy.port) == new for _ in range(6)))
        load.go_on(answers=100)
        assert held.certificate == old
        assert held.ask().startswith(b"HTTP/1.1 200 ")
        assert proxy.workers() == workers
    held.close()
    assert load.failures == []


def test_a_pair_that_does_not_fit_is_reported_once_and_the_one_in_force_kept_even_by_new_workers(
    pair: Pair, authority: trustme.CA, tmp_path: Path
) -> None:
    start, proxy = pair
    good = install(start, authority)
    await_true(lambda: all(shown_certificate(start, proxy.port) == good for _ in range(4)))
    said = len(proxy.logs)
    with Load(start, proxy.port, authorities=[tmp_path / "new-ca.pem"]) as load:
        install(start, authority, key_of=authority.issue_cert("other.test"))
        await_true(lambda: "the certificate in force is kept" in " ".join(proxy.messages[said:]))
        before = proxy.workers()
        for pid in before:
            os.kill(pid, signal.SIGTERM)
        proxy.await_workers(lambda pids: len(pids) == 2 and not set(pids) & set(before))
        load.go_on()
    assert load.failures == []
    assert shown_certificate(start, proxy.port) == good
    (complaint,) = [message for message in proxy.messages[said:] if "is kept" in message]
    tls = start.directory / "tls"
    assert complaint == (
        f"the certificate in force is kept: the private key file:{tls}/server.key does not belong to the certificate "
        f"file:{tls}/server.pem"
    )


def test_a_changed_configuration_comes_with_new_workers_and_no_request_is_lost(pair: Pair) -> None:
    start, proxy = pair
    authority = trustme.CA()
    install(start, authority)
    authority.cert_pem.write_to_path(str(start.directory / "ca.pem"))
    proxy.send(signal.SIGHUP)
    proxy.await_message("was loaded anew")
    with Load(start, proxy.port, authorities=[start.directory / "ca.pem", start.directory / "tls/ca.pem"]) as load:
        before = proxy.workers()
        start.configure("workers = 3")
        proxy.send(signal.SIGHUP)
        proxy.await_workers(lambda pids: len(pids) == 3 and not set(pids) & set(before))
        load.go_on(answers=100)
    assert load.failures == []


def test_what_cannot_be_is_refused_and_changes_nothing(pair: Pair) -> None:
    start, proxy = pair
    file = start.directory / "hyok.toml"
    present = file.read_text()
    workers = proxy.workers()
    wrong = {
        present.replace(
            'url = "sqlite:///hyok.db"', 'url = "sqlite:///other.db"'
        ): "storage can change only at a restart",
        present + "nonsense": "not TOML",
        present.replace("file:tls/server.pem", "file:tls/missing.pem"): "cannot read",
        # Only a worker finds out.
        present.replace('directory = "audit"', 'directory = "hyok.toml"'): "cannot start the audit log",
    }
    for text, complaint in wrong.items():
        assert text != present
        file.write_text(text)
        proxy.send(signal.SIGHUP)
        await_true(
            lambda complaint=complaint: any(  # type: ignore[misc]  # bound now
                "the reload is refused and nothing has changed: " in message and complaint in message
                for message in proxy.messages
            ),
            what=lambda: proxy.messages,
        )
    file.write_text(present)
    proxy.await_workers(lambda pids: pids == workers)


CLIENT = "cks.kms.eu-central-1.amazonaws.com"


def test_client_authorities_are_replaced_as_well(start: Start, tmp_path: Path) -> None:
    first, second = trustme.CA(), trustme.CA()
    clients = start.directory / "clients.pem"
    first.cert_pem.write_to_path(str(clients))
    pairs = {}
    for name, authority in (("first", first), ("second", second)):
        pairs[name] = tmp_path / f"{name}.pem"
        authority.issue_cert(common_name=CLIENT).private_key_and_cert_chain_pem.write_to_path(str(pairs[name]))

    def is_let_in(name: str, version: ssl.TLSVersion, port: int) -> bool:
        context = ssl.create_default_context(cafile=str(start.authority))
        context.load_cert_chain(pairs[name])
        context.minimum_version = context.maximum_version = version
        try:
            with (
                socket.create_connection(("127.0.0.1", port)) as plain,
                context.wrap_socket(plain, server_hostname=HOST) as client,
            ):
                client.sendall(start.encrypt_request())
                return client.recv(65536).startswith(b"HTTP/1.1 200 ")
        except (ssl.SSLError, ConnectionError):
            return False

    start.configure(f'authorities = "file:clients.pem"\nsubjects = ["{CLIENT}"]\n\n[audit]', section="[audit]\n")
    file = start.directory / "hyok.toml"
    file.write_text(file.read_text().replace("[audit]\nauthorities", "[proxy.client_certificates]\nauthorities"))
    versions = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    with running_proxy(start, workers=1) as proxy:
        port = proxy.port
        assert [is_let_in(name, version, port) for name in pairs for version in versions] == [True, True, False, False]
        second.cert_pem.write_to_path(str(clients))
        proxy.send(signal.SIGHUP)
        proxy.await_message("was loaded anew")
        await_true(lambda: is_let_in("second", versions[1], port))
        assert [is_let_in(name, version, port) for name in pairs for version in versions] == [False, False, True, True]
