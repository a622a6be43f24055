"""The development authority: there when needed, kept while it is good, made anew when not."""

from __future__ import annotations

import ssl
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509

from hyok.errors import OperatorError
from hyok.transport.development import DevelopmentCertificates, ensure_development_certificates
from hyok.transport.pem import read_pem
from hyok.transport.tls import KeyPair, client_context, server_context

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
DAY = 86_400
HOSTS = ("xks.hyok.test", "localhost", "127.0.0.1")


def ensure(directory: Path, hosts: tuple[str, ...] = HOSTS, *, now: float = NOW) -> DevelopmentCertificates:
    return ensure_development_certificates(directory, hosts, now=now)


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_an_authority_and_a_certificate_for_the_hosts_are_made(tmp_path: Path) -> None:
    paths = ensure(tmp_path / "tls")
    server = certificate(paths.chain)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["xks.hyok.test", "localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("127.0.0.1")]
    server.verify_directly_issued_by(certificate(paths.authority))


def test_the_certificates_work_in_a_handshake(tmp_path: Path) -> None:
    paths = ensure(tmp_path, now=datetime.now(UTC).timestamp())
    server = server_context(KeyPair(read_pem(paths.chain), read_pem(paths.key)))
    client = client_context(read_pem(paths.authority))
    assert server.warnings == ()
    shake_hands(server.context, client.context, "xks.hyok.test")
    shake_hands(server.context, client.context, "127.0.0.1")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(server.context, client.context, "elsewhere.test")


def shake_hands(server_side: ssl.SSLContext, client_side: ssl.SSLContext, name: str) -> None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    client = client_side.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    directory = tmp_path / "tls"
    ensure(directory)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    assert set(contents(directory)) == {"ca.pem", "ca.key", "server.pem", "server.key"}


def test_what_is_good_is_kept(tmp_path: Path) -> None:
    ensure(tmp_path)
    before = contents(tmp_path)
    ensure(tmp_path, now=NOW + 300 * DAY)
    assert contents(tmp_path) == before


def test_a_certificate_near_its_end_is_renewed_under_the_same_authority(tmp_path: Path) -> None:
    ensure(tmp_path)
    before = contents(tmp_path)
    ensure(tmp_path, now=NOW + 370 * DAY)
    after = contents(tmp_path)
    assert after["ca.pem"] == before["ca.pem"]
    assert after["server.pem"] != before["server.pem"]


def test_an_authority_near_its_end_is_renewed_with_its_certificate(tmp_path: Path) -> None:
    ensure(tmp_path)
    before = contents(tmp_path)
    later = NOW + 3640 * DAY
    paths = ensure(tmp_path, now=later)
    assert contents(tmp_path)["ca.pem"] != before["ca.pem"]
    certificate(paths.chain).verify_directly_issued_by(certificate(paths.authority))


def test_no_certificate_outlives_its_authority(tmp_path: Path) -> None:
    ensure(tmp_path)
    paths = ensure(tmp_path, now=NOW + 3500 * DAY)
    assert certificate(paths.chain).not_valid_after_utc == certificate(paths.authority).not_valid_after_utc


def test_other_hosts_mean_another_certificate(tmp_path: Path) -> None:
    ensure(tmp_path)
    paths = ensure(tmp_path, ("other.test",))
    names = certificate(paths.chain).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["other.test"]


@pytest.mark.parametrize("name", ["ca.pem", "ca.key", "server.pem", "server.key"])
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"damaged")], ids=["lost", "damaged"])
def test_after_a_crash_or_damage_the_pair_is_whole_again(
    tmp_path: Path, name: str, damage: Callable[[Path], object]
) -> None:
    ensure(tmp_path)
    damage(tmp_path / name)
    paths = ensure(tmp_path)
    certificate(paths.chain).verify_directly_issued_by(certificate(paths.authority))
    server_context(KeyPair(read_pem(paths.chain), read_pem(paths.key)))


def test_a_key_that_does_not_belong_to_its_certificate_is_replaced(tmp_path: Path) -> None:
    ensure(tmp_path / "one")
    ensure(tmp_path / "two")
    (tmp_path / "one/server.key").write_bytes((tmp_path / "two/server.key").read_bytes())
    paths = ensure(tmp_path / "one")
    server_context(KeyPair(read_pem(paths.chain), read_pem(paths.key)))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OperatorError, match=r"cannot keep certificates in .*/file/tls: Not a directory"):
        ensure(tmp_path / "file/tls")
