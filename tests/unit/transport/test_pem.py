"""What is wrong with a PEM file is said exactly."""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hyok.errors import OperatorError
from hyok.secret import Secret
from hyok.transport.pem import PemSource, load_authorities, load_key_pair, read_pem
from tests.unit.transport.certificates import EXPIRED, authority_source, key_pair

AUTHORITY = trustme.CA()


def context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def test_a_file_is_read_and_known_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "server.pem"
    path.write_bytes(b"content")
    assert read_pem(path) == PemSource(str(path), Secret(b"content"))
    assert "content'" not in repr(read_pem(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"cannot read .*/absent\.pem: No such file or directory"):
        read_pem(tmp_path / "absent.pem")


def test_a_directory_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="Is a directory"):
        read_pem(tmp_path)


def test_a_matching_pair_is_loaded_and_tells_when_it_expires() -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=5)
    state = load_key_pair(context(), *key_pair(AUTHORITY, "xks.test", not_after=ends))
    assert state.warnings == ()
    assert state.expires_at == ends.timestamp()


def test_an_expired_certificate_is_loaded_with_a_warning() -> None:
    state = load_key_pair(context(), *key_pair(AUTHORITY, "xks.test", not_after=EXPIRED))
    assert state.warnings == (f"the certificate chain.pem expired on {EXPIRED:%Y-%m-%d %H:%M} UTC",)


def test_a_certificate_of_the_future_is_loaded_with_a_warning() -> None:
    state = load_key_pair(context(), *key_pair(AUTHORITY, "xks.test", not_after=datetime.now(UTC) + timedelta(days=19)))
    assert "is not valid before" in state.warnings[0]
    assert state.expires_at > time.time()


def test_a_key_of_another_certificate_is_refused_and_both_are_named() -> None:
    chain, _ = key_pair(AUTHORITY, "xks.test")
    _, key = key_pair(AUTHORITY, "xks.test")
    with pytest.raises(OperatorError, match=r"private key key\.pem does not belong to the certificate chain\.pem"):
        load_key_pair(context(), chain, key)


@pytest.mark.parametrize(
    "content", [b"", b"not PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate_is_refused(content: bytes) -> None:
    wrong = PemSource("wrong.pem", Secret(content))
    _, key = key_pair(AUTHORITY, "xks.test")
    with pytest.raises(OperatorError, match=r"wrong\.pem holds no PEM certificate"):
        load_key_pair(context(), wrong, key)
    with pytest.raises(OperatorError, match=r"wrong\.pem holds no PEM certificate"):
        load_authorities(context(), wrong)


@pytest.mark.parametrize(
    "content", [b"", b"not PEM", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_what_is_no_private_key_is_refused(content: bytes) -> None:
    chain, _ = key_pair(AUTHORITY, "xks.test")
    with pytest.raises(OperatorError, match=r"wrong\.key holds no PEM private key"):
        load_key_pair(context(), chain, PemSource("wrong.key", Secret(content)))


def test_a_certificate_in_place_of_the_key_is_refused() -> None:
    chain, _ = key_pair(AUTHORITY, "xks.test")
    with pytest.raises(OperatorError, match=r"chain\.pem holds no PEM private key"):
        load_key_pair(context(), chain, chain)


def test_an_encrypted_key_is_refused_with_what_to_do() -> None:
    chain, _ = key_pair(AUTHORITY, "xks.test")
    encrypted = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    with pytest.raises(OperatorError, match=r"safe\.key is encrypted; give it without a passphrase"):
        load_key_pair(context(), chain, PemSource("safe.key", Secret(encrypted)))


def test_all_authorities_of_a_file_are_trusted() -> None:
    trusting = context()
    both = authority_source(AUTHORITY).content.reveal() + authority_source(trustme.CA()).content.reveal()
    load_authorities(trusting, PemSource("both.pem", Secret(both)))
    assert len(trusting.get_ca_certs()) == 2
