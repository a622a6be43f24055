"""Real handshakes on uvloop: who gets in, with which versions and suites."""

from __future__ import annotations

import asyncio
import socket
import ssl
from time import monotonic

import pytest
import trustme

from hyok.transport.limits import Limits
from hyok.transport.messages import HttpRequest, HttpResponse
from hyok.transport.pem import load_authorities, load_key_pair
from hyok.transport.sockets import Address
from hyok.transport.tls import ClientCertificates, KeyPair, client_context, server_context
from tests.integration.transport.programs import raw_client, run_briefly, serving
from tests.unit.transport.certificates import EXPIRED, authority_source, key_pair
from tests.unit.transport.doubles import ScriptedService

AUTHORITY = trustme.CA()
STRANGER = trustme.CA()
KMS = "cks.kms.eu-central-1.amazonaws.com"
SERVER = key_pair(AUTHORITY, "localhost")
VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def answer_with_subject(request: HttpRequest) -> HttpResponse:
    return HttpResponse(200, request.peer.certificate_subject.encode())


def plain_client(version: ssl.TLSVersion, pair: KeyPair | None = None) -> ssl.SSLContext:
    """Return a client's context that is not ours, of one version."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    load_authorities(context, authority_source(AUTHORITY))
    context.minimum_version = context.maximum_version = version
    if pair is not None:
        load_key_pair(context, *pair)
    return context


def mutual(*subjects: str) -> ssl.SSLContext:
    return server_context(SERVER, ClientCertificates(authority_source(AUTHORITY), frozenset(subjects))).context


def ask(server: ssl.SSLContext, client: ssl.SSLContext, service: ScriptedService | None = None) -> bytes:
    """Return what a server answers to this client; raises what the client meets instead."""

    async def scenario() -> bytes:
        served = service or ScriptedService(answer_with_subject)
        async with serving(served, tls=server) as address, raw_client(address, tls=client) as connection:
            connection.send(GET)
            return (await connection.answer())[1]

    return run_briefly(scenario)


@VERSIONS
def test_the_right_subject_of_the_right_authority_gets_in_and_the_service_is_told(version: ssl.TLSVersion) -> None:
    pair = key_pair(AUTHORITY, "elsewhere.test", common_name=KMS)
    assert ask(mutual(KMS, "other"), plain_client(version, pair)) == KMS.encode()


@VERSIONS
@pytest.mark.parametrize(
    "pair",
    [
        pytest.param(key_pair(AUTHORITY, KMS, common_name="other"), id="wrong name, right alternative name"),
        pytest.param(key_pair(AUTHORITY, KMS), id="no name, right alternative name"),
        pytest.param(key_pair(STRANGER, KMS, common_name=KMS), id="another authority"),
        pytest.param(key_pair(AUTHORITY, KMS, common_name=KMS, not_after=EXPIRED), id="expired"),
        pytest.param(key_pair(AUTHORITY, KMS, common_name=KMS.upper()), id="other letters"),
        pytest.param(None, id="no certificate"),
    ],
)
def test_any_other_client_does_not_get_past_the_handshake(version: ssl.TLSVersion, pair: KeyPair | None) -> None:
    service = ScriptedService(answer_with_subject)
    with pytest.raises((ssl.SSLError, OSError, asyncio.IncompleteReadError)):
        ask(mutual(KMS), plain_client(version, pair), service)
    assert service.requests == []
    assert service.refusals == []


def test_a_refused_common_name_is_told_to_the_operator(caplog: pytest.LogCaptureFixture) -> None:
    pair = key_pair(AUTHORITY, KMS, common_name="mallory")
    with pytest.raises((OSError, asyncio.IncompleteReadError)):
        ask(mutual(KMS), plain_client(ssl.TLSVersion.TLSv1_3, pair))
    assert "'mallory' is not let in" in caplog.text


@VERSIONS
def test_a_resumed_session_still_says_who_the_client_is(version: ssl.TLSVersion) -> None:
    async def scenario() -> None:
        pair = key_pair(AUTHORITY, "elsewhere.test", common_name=KMS)
        client = client_context(authority_source(AUTHORITY), pair).context
        client.maximum_version = version
        async with serving(ScriptedService(answer_with_subject), tls=mutual(KMS)) as address:
            resumed = []
            for _ in range(2):
                async with raw_client(address, tls=client) as connection:
                    connection.send(GET)
                    assert await connection.answer() == (200, KMS.encode())
                    session = connection.writer.get_extra_info("ssl_object")
                    resumed.append(session.session_reused)
                    session.keep_session()
            assert resumed == [False, True]

    run_briefly(scenario)


def test_a_client_without_a_certificate_is_served_where_none_is_asked_for() -> None:
    assert ask(server_context(SERVER).context, plain_client(ssl.TLSVersion.TLSv1_3)) == b""


@pytest.mark.parametrize(
    ("suite", "is_taken"),
    [
        ("ECDHE-ECDSA-AES256-GCM-SHA384", True),
        ("ECDHE-ECDSA-AES128-GCM-SHA256", False),
        ("ECDHE-ECDSA-CHACHA20-POLY1305", False),
        ("ECDHE-ECDSA-AES256-CCM", False),
    ],
)
def test_tls_1_2_has_only_the_named_suites(suite: str, *, is_taken: bool) -> None:
    client = plain_client(ssl.TLSVersion.TLSv1_2)
    client.set_ciphers(suite)
    if is_taken:
        ask(server_context(SERVER).context, client)
    else:
        with pytest.raises(ssl.SSLError):
            ask(server_context(SERVER).context, client)


def test_tls_1_2_with_a_certificate_of_rsa() -> None:
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    issued = authority.issue_cert("localhost", key_type=trustme.KeyType.RSA)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(server)
    suites = server_context(SERVER).context.get_ciphers()
    server.set_ciphers(":".join(suite["name"] for suite in suites if suite["protocol"] == "TLSv1.2"))
    client = plain_client(ssl.TLSVersion.TLSv1_2)
    load_authorities(client, authority_source(authority))
    client.set_ciphers("ECDHE-RSA-AES256-GCM-SHA384")
    assert ask(server, client) == b""


def test_older_versions_are_refused() -> None:
    client = plain_client(ssl.TLSVersion.TLSv1_2)
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        client.minimum_version = client.maximum_version = ssl.TLSVersion.TLSv1_1
    client.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        ask(server_context(SERVER).context, client)


def test_tls_1_3_takes_aes_256_even_if_the_client_would_rather_not() -> None:
    async def scenario() -> None:
        async with (
            serving(ScriptedService(answer_with_subject), tls=server_context(SERVER).context) as address,
            raw_client(address, tls=client_context(authority_source(AUTHORITY)).context) as connection,
        ):
            session = connection.writer.get_extra_info("ssl_object")
            assert session.cipher()[0] == "TLS_AES_256_GCM_SHA384"
            assert session.selected_alpn_protocol() == "http/1.1"

    run_briefly(scenario)


def test_a_handshake_that_does_not_go_on_is_cut() -> None:
    async def scenario() -> None:
        limits = Limits(handshake_seconds=0.2)
        tls = server_context(SERVER).context
        async with serving(ScriptedService(), tls=tls, limits=limits) as address, raw_client(address) as silent:
            began = monotonic()
            silent.send(b"\x16\x03\x01")
            assert await silent.rest() == b""
            assert 0.15 < monotonic() - began < 2

    run_briefly(scenario)


def test_plain_http_on_a_tls_port_is_cut_without_a_fault() -> None:
    async def scenario() -> None:
        tls = server_context(SERVER).context
        async with serving(ScriptedService(), tls=tls) as address, raw_client(address) as plain:
            plain.send(GET)
            assert b"HTTP" not in await plain.rest()

    run_briefly(scenario)


def test_a_client_that_does_not_confirm_the_end_of_tls_is_cut() -> None:
    async def scenario() -> None:
        limits = Limits(idle_seconds=0.1, closing_seconds=0.1)
        tls = server_context(SERVER).context
        async with serving(ScriptedService(), tls=tls, limits=limits, drain_seconds=5) as address:
            with await asyncio.to_thread(connect_and_shake_hands, address):
                began = monotonic()
        assert monotonic() - began < 2  # the drain did not have to wait for the silent client

    run_briefly(scenario)


def connect_and_shake_hands(address: Address) -> ssl.SSLSocket:
    raw = socket.create_connection(address)
    return plain_client(ssl.TLSVersion.TLSv1_3).wrap_socket(raw, server_hostname="localhost")


@VERSIONS
@pytest.mark.parametrize(
    ("pair", "words"),
    [
        pytest.param(None, "certificate required|handshake failure", id="no certificate"),
        pytest.param(key_pair(STRANGER, KMS, common_name=KMS), "unknown ca", id="another authority"),
        pytest.param(key_pair(AUTHORITY, KMS, not_after=EXPIRED), "certificate expired", id="expired"),
    ],
)
def test_a_client_hears_why_its_handshake_failed(version: ssl.TLSVersion, pair: KeyPair | None, words: str) -> None:
    async def scenario() -> None:
        async with serving(ScriptedService(), tls=mutual(KMS)) as address:
            with pytest.raises(ssl.SSLError, match=words):
                await asyncio.to_thread(shake_hands_and_read, address, plain_client(version, pair))

    run_briefly(scenario)


def shake_hands_and_read(address: Address, client: ssl.SSLContext) -> None:
    with socket.create_connection(address) as raw, client.wrap_socket(raw, server_hostname="localhost") as wrapped:
        wrapped.recv(1)
