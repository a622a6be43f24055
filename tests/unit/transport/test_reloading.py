"""What a server shows, checked in one process and served in another, and replaced while it serves."""

from __future__ import annotations

import ssl

import pytest
import trustme

from hyok.errors import OperatorError
from hyok.transport.reloading import CheckedTls, ReplaceableTls, check_tls
from hyok.transport.tls import NAMED_SUITES, ClientCertificates, client_context, refuse_other_suites
from tests.unit.transport.certificates import authority_source, key_pair

OLD, NEW = trustme.CA(), trustme.CA()


def checked(authority: trustme.CA) -> CheckedTls:
    return check_tls(key_pair(authority, "localhost"), None)


def shake_hands(server: ssl.SSLContext, authority: trustme.CA) -> bytes | None:
    """Go through a handshake in memory and return the certificate that was shown."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    serving = server.wrap_bio(to_server, to_client, server_side=True)
    trusting = client_context(authority_source(authority)).context
    client = trusting.wrap_bio(to_client, to_server, server_hostname="localhost")
    for _ in range(4):
        for side in (client, serving):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return client.getpeercert(binary_form=True)


def test_new_connections_get_the_new_certificate_from_the_same_context() -> None:
    tls = ReplaceableTls(checked(OLD).setup())
    context = tls.context
    old = shake_hands(context, OLD)
    tls.replace(checked(NEW).setup())
    assert tls.context is context
    assert shake_hands(context, NEW) not in (None, old)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(context, OLD)


def test_a_handshake_that_has_begun_ends_with_the_certificate_it_began_with() -> None:
    tls = ReplaceableTls(checked(OLD).setup())
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    serving = tls.context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context(authority_source(OLD)).context.wrap_bio(to_client, to_server, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    tls.replace(checked(NEW).setup())
    with pytest.raises(ssl.SSLWantReadError):
        serving.do_handshake()
    client.do_handshake()
    assert client.getpeercert()


def test_a_key_of_another_certificate_is_refused_at_the_check_and_by_openssl_where_it_is_skipped() -> None:
    ours, theirs = key_pair(OLD, "localhost"), key_pair(OLD, "localhost")
    mixed = ours._replace(private_key=theirs.private_key)
    with pytest.raises(OperatorError, match="does not belong to the certificate"):
        check_tls(mixed, None)
    with pytest.raises(OperatorError, match="OpenSSL refuses the certificate"):
        checked(OLD)._replace(key_pair=mixed).setup()


def test_client_certificates_are_asked_for_in_the_other_process_too() -> None:
    clients = ClientCertificates(authority_source(NEW), frozenset({"kms"}))
    setup = check_tls(key_pair(OLD, "localhost"), clients).setup()
    assert setup.context.verify_mode is ssl.CERT_REQUIRED


def test_a_context_with_another_suite_is_refused_as_strict() -> None:
    context = checked(OLD).setup().context
    offered = {suite["name"] for suite in context.get_ciphers()}
    assert offered - NAMED_SUITES == {"TLS_AES_128_GCM_SHA256"}
    with pytest.raises(OperatorError, match=r"OpenSSL offers .*TLS_AES_128_GCM_SHA256"):
        refuse_other_suites(context)
