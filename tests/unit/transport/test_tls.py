"""Which TLS is offered, and how certificates are asked for. The handshakes themselves are in the integration tests."""

from __future__ import annotations

import ssl

import pytest
import trustme

from hyok.errors import OperatorError
from hyok.transport.tls import ClientCertificates, client_context, common_name, server_context
from tests.unit.transport.certificates import authority_source, key_pair

AUTHORITY = trustme.CA()
TLS12 = {"ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"}


def contexts() -> list[ssl.SSLContext]:
    return [
        server_context(key_pair(AUTHORITY, "xks.test")).context,
        client_context(authority_source(AUTHORITY)).context,
    ]


@pytest.mark.parametrize("context", contexts(), ids=["server", "client"])
def test_only_the_named_suites_and_versions_are_offered(context: ssl.SSLContext) -> None:
    suites = context.get_ciphers()
    assert {suite["name"] for suite in suites if suite["protocol"] == "TLSv1.2"} == TLS12
    assert {suite["protocol"] for suite in suites} == {"TLSv1.2", "TLSv1.3"}
    assert suites[0]["name"] == "TLS_AES_256_GCM_SHA384"
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("context", contexts(), ids=["server", "client"])
def test_neither_renegotiation_nor_compression_is_allowed(context: ssl.SSLContext) -> None:
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_COMPRESSION


def test_a_client_checks_the_servers_name_and_its_authority() -> None:
    context = client_context(authority_source(AUTHORITY)).context
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1


def test_a_client_without_authorities_of_its_own_trusts_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[ssl.SSLContext] = []

    def load(context: ssl.SSLContext) -> None:
        loaded.append(context)

    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", load)
    assert client_context().context.check_hostname
    assert len(loaded) == 1


def test_a_server_without_client_authorities_asks_for_no_certificate() -> None:
    assert server_context(key_pair(AUTHORITY, "xks.test")).context.verify_mode is ssl.CERT_NONE


def test_mutual_tls_without_subjects_would_let_everybody_of_that_authority_in_and_is_refused() -> None:
    with pytest.raises(OperatorError, match=r"ca\.pem are asked for, but no subject is"):
        server_context(key_pair(AUTHORITY, "xks.test"), ClientCertificates(authority_source(AUTHORITY), frozenset()))


def test_a_setup_tells_when_its_certificate_expires() -> None:
    pair = key_pair(AUTHORITY, "xks.test")
    assert server_context(pair).expires_at == client_context(authority_source(AUTHORITY), pair).expires_at
    assert client_context(authority_source(AUTHORITY)).expires_at is None


@pytest.mark.parametrize(
    ("certificate", "name"),
    [
        (None, ""),
        ({}, ""),
        ({"subject": ((("organizationName", "AWS"),),)}, ""),
        ({"subject": ((("organizationName", "AWS"),), (("commonName", "kms"),))}, "kms"),
        ({"subject": ((("commonName", "kms"),), (("commonName", "other"),))}, ""),
        ({"subject": ((("commonName", "kms"), ("commonName", "other")),)}, ""),
        ({"subjectAltName": (("DNS", "kms"),)}, ""),
    ],
)
def test_the_common_name_is_the_one_there_is_or_nothing(certificate: dict[str, object] | None, name: str) -> None:
    assert common_name(certificate) == name
