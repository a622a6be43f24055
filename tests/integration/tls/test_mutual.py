"""Mutual TLS: whose client gets past the handshake, as OpenSSL's client, curl and our own KMS meet it.

XKS API, Transport: a certificate with another subject or another CA MUST NOT get past the handshake.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest
import trustme

from hyok.clock import SystemClock, deadline_in
from hyok.secret import Secret
from hyok.transport.client import HttpClientPool
from hyok.transport.pem import read_pem
from hyok.transport.sockets import Address
from hyok.transport.tls import KeyPair, client_context
from hyok.xks.messages import RequestMetadata
from hyok.xks_client import Unreachable, XksProxyClient, XksUnreachable
from tests.integration.spec.running import RunningProxy, running_proxy
from tests.integration.tls.certificates import Files, days_from_now, make_self_signed, write_authority, write_pair
from tests.integration.tls.programs import curl, s_client

KMS = "cks.kms.eu-central-1.amazonaws.com"
VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])
GOOD = ("right name", "right name and wrong alternative name", "second name", "by way of an intermediate CA")
BAD = (
    "wrong name and right alternative name",
    "right alternative name alone",
    "other letters",
    "another authority",
    "none",
    "expired",
    "not valid yet",
    "self-signed",
)
ALERTS = {
    ("another authority", "1.2"): "alert unknown ca",
    ("another authority", "1.3"): "alert unknown ca",
    ("none", "1.2"): "alert handshake failure",
    ("none", "1.3"): "alert certificate required",
    ("expired", "1.2"): "alert certificate expired",
    ("expired", "1.3"): "alert certificate expired",
    ("self-signed", "1.2"): "alert unknown ca",
    ("self-signed", "1.3"): "alert unknown ca",
}


class Guarded(NamedTuple):
    """A proxy that asks for certificates, and those that clients try."""

    proxy: RunningProxy
    pairs: Mapping[str, Files | None]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    directory = tmp_path_factory.mktemp("mutual")
    authority, stranger = trustme.CA(), trustme.CA()
    issued = {
        "right name": authority.issue_cert(KMS, common_name=KMS),
        "right name and wrong alternative name": authority.issue_cert("elsewhere.test", common_name=KMS),
        "second name": authority.issue_cert("elsewhere.test", common_name="another.kms.test"),
        "by way of an intermediate CA": authority.create_child_ca().issue_cert(KMS, common_name=KMS),
        "wrong name and right alternative name": authority.issue_cert(KMS, common_name="other.test"),
        "right alternative name alone": authority.issue_cert(KMS),
        "other letters": authority.issue_cert(KMS, common_name=KMS.upper()),
        "another authority": stranger.issue_cert(KMS, common_name=KMS),
        "expired": authority.issue_cert(
            KMS, common_name=KMS, not_before=days_from_now(-10), not_after=days_from_now(-0.01)
        ),
        "not valid yet": authority.issue_cert(
            KMS, common_name=KMS, not_before=days_from_now(0.01), not_after=days_from_now(10)
        ),
    }
    pairs: dict[str, Files | None] = {
        name: write_pair(directory, name.replace(" ", "-"), each) for name, each in issued.items()
    }
    pairs |= {"none": None, "self-signed": make_self_signed(directory, KMS)}
    settings = {
        "HYOK__PROXY__CLIENT_CERTIFICATES__AUTHORITIES": f"file:{write_authority(directory, 'clients', authority)}",
        "HYOK__PROXY__CLIENT_CERTIFICATES__SUBJECTS": f'["{KMS}", "another.kms.test"]',
    }
    with running_proxy(directory / "holder", settings, client_certificate=pairs["right name"]) as proxy:
        yield Guarded(proxy, pairs)


def try_openssl(guarded: Guarded, version: str, name: str) -> tuple[bool, bool, str]:
    option = f"-tls{version.replace('.', '_')}"
    outcome = s_client(guarded.proxy.port, option, ca=guarded.proxy.authorities, pair=guarded.pairs[name])
    return outcome.is_served, outcome.is_refused, outcome.said


def try_curl(guarded: Guarded, version: str, name: str) -> tuple[bool, bool]:
    options = (f"--tlsv{version}", "--tls-max", version)
    outcome = curl(guarded.proxy.port, *options, ca=guarded.proxy.authorities, pair=guarded.pairs[name])
    return outcome.is_served, outcome.is_refused


@VERSIONS
@pytest.mark.parametrize("name", GOOD)
def test_a_certificate_of_the_authority_with_a_subject_that_is_let_in_is_served(
    guarded: Guarded, version: str, name: str
) -> None:
    assert try_openssl(guarded, version, name)[:2] == (True, False)
    assert try_curl(guarded, version, name) == (True, False)


@VERSIONS
@pytest.mark.parametrize("name", BAD)
def test_any_other_is_refused_in_the_handshake_and_leaves_no_record(guarded: Guarded, version: str, name: str) -> None:
    recorded = len(guarded.proxy.records())
    is_served, is_refused, said = try_openssl(guarded, version, name)
    assert (is_served, is_refused) == (False, True), said
    assert ALERTS.get((name, version), "") in said
    assert try_curl(guarded, version, name) == (False, True)
    assert len(guarded.proxy.records()) == recorded


@VERSIONS
@pytest.mark.parametrize("name", BAD)
def test_our_kms_knows_that_it_is_the_tls_that_failed(guarded: Guarded, version: str, name: str) -> None:
    with pytest.raises(XksUnreachable) as raised:
        ask_as_kms(guarded, version, name)
    assert raised.value.kind is Unreachable.NO_TLS, raised.value


@VERSIONS
def test_our_kms_gets_in(guarded: Guarded, version: str) -> None:
    ask_as_kms(guarded, version, "right name and wrong alternative name")


def ask_as_kms(guarded: Guarded, version: str, name: str) -> None:
    """Ask for the proxy's health as our KMS does, with the same client."""
    pair, proxy = guarded.pairs[name], guarded.proxy
    own = None if pair is None else KeyPair(read_pem(pair.certificate), read_pem(pair.private_key))
    tls = client_context(read_pem(proxy.authorities), own).context
    tls.minimum_version = tls.maximum_version = getattr(ssl.TLSVersion, f"TLSv{version.replace('.', '_')}")

    async def ask() -> None:
        pool = HttpClientPool(Address("127.0.0.1", proxy.port), server_name="localhost", tls=tls)
        client = XksProxyClient(
            pool,
            host="localhost",
            uri_path=proxy.uri_path,
            region="eu-central-1",
            access_key_id=proxy.credential.access_key_id,
            secret=Secret(proxy.credential.secret_access_key.encode()),
            clock=SystemClock(),
            exchange_seconds=5.0,
        )
        metadata = RequestMetadata(kms_operation="ConnectCustomKeyStore", kms_request_id="1")
        try:
            await client.get_health_status(metadata, deadline_in(5.0))
        finally:
            await pool.aclose()

    asyncio.run(ask())


def test_who_was_let_in_is_recorded_and_who_was_not_is_logged(guarded: Guarded) -> None:
    try_openssl(guarded, "1.3", "wrong name and right alternative name")
    assert "a TLS client was refused: its certificate's common name 'other.test' is not let in" in guarded.proxy.log()
    ask_as_kms(guarded, "1.3", "second name")
    assert "another.kms.test" in [record["certificate_subject"] for record in guarded.proxy.records()]
