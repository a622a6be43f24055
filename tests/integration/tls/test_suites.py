"""Which versions and cipher suites the proxy takes: every one that OpenSSL's client has is tried; some with curl, too.

XKS API, Transport: TLS 1.2 or later with the suites that it names. Nothing weaker is worth enabling.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest
import trustme

from tests.integration.spec.running import RunningProxy, running_proxy
from tests.integration.tls.certificates import days_from_now, write_pair
from tests.integration.tls.programs import Outcome, curl, renegotiate, s_client, suites

ECDSA, RSA = "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"
NAMED_TLS_1_3 = {"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """A proxy with a key of ECDSA and the setting `tls_suites = "strict"`."""
    directory = tmp_path_factory.mktemp("strict") / "holder"
    with running_proxy(directory, {"HYOK__PROXY__WORKERS": "1", "HYOK__PROXY__TLS_SUITES": "strict"}) as running:
        yield running


@pytest.fixture(scope="module")
def compatible(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """A proxy with a key of RSA and the suites that it takes by default; its certificate soon expires."""
    directory = tmp_path_factory.mktemp("compatible")
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    issued = authority.issue_cert("localhost", key_type=trustme.KeyType.RSA, not_after=days_from_now(5))
    pair = write_pair(directory, "server", issued)
    authority.cert_pem.write_to_path(directory / "ca.pem")
    settings = {
        "HYOK__PROXY__WORKERS": "1",
        "HYOK__PROXY__CERTIFICATE": f"file:{pair.certificate}",
        "HYOK__PROXY__PRIVATE_KEY": f"file:{pair.private_key}",
    }
    with running_proxy(directory / "holder", settings, authorities=directory / "ca.pem") as running:
        yield running


def accepted(proxy: RunningProxy, version: str) -> set[str]:
    """Return the suites of a version with which OpenSSL's client is served, each tried alone."""
    if version == "tls1_3":
        return {suite for suite in suites(version) if ask(proxy, version, "-ciphersuites", suite).is_served}
    return {suite for suite in suites(version) if ask(proxy, version, "-cipher", f"{suite}:@SECLEVEL=0").is_served}


def ask(proxy: RunningProxy, version: str, *options: str) -> Outcome:
    return s_client(proxy.port, f"-{version}", *options, ca=proxy.authorities)


def test_all_suites_of_openssl_are_tried() -> None:
    assert {ECDSA, RSA, "ECDHE-RSA-AES128-GCM-SHA256", "AES128-SHA", "NULL-SHA256"} < set(suites("tls1_2"))
    assert len(suites("tls1_2")) > 50


def test_tls_1_2_has_the_one_suite_that_fits_the_key(strict: RunningProxy, compatible: RunningProxy) -> None:
    assert accepted(strict, "tls1_2") == {ECDSA}
    assert accepted(compatible, "tls1_2") == {RSA}


def test_tls_1_3_has_the_two_that_are_named_and_one_more_unless_it_is_strict(
    strict: RunningProxy, compatible: RunningProxy
) -> None:
    assert accepted(strict, "tls1_3") == NAMED_TLS_1_3
    assert accepted(compatible, "tls1_3") == NAMED_TLS_1_3 | {"TLS_AES_128_GCM_SHA256"}


def test_a_client_that_has_a_named_suite_gets_it(compatible: RunningProxy) -> None:
    order = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"
    outcome = ask(compatible, "tls1_3", "-ciphersuites", order)
    assert outcome.is_served
    assert "Cipher is TLS_AES_256_GCM_SHA384" in outcome.said


@pytest.mark.parametrize("version", ["tls1", "tls1_1"])
def test_older_versions_are_refused(strict: RunningProxy, version: str) -> None:
    outcome = ask(strict, version, "-cipher", "ALL:@SECLEVEL=0")
    assert outcome.is_refused
    assert "alert protocol version" in outcome.said


def test_a_client_cannot_renegotiate(strict: RunningProxy) -> None:
    outcome = renegotiate(strict.port, ca=strict.authorities)
    assert "RENEGOTIATING" in outcome.said
    assert "no renegotiation" in outcome.said
    assert outcome.status != 0


@pytest.mark.parametrize(
    ("options", "is_served"),
    [
        (("--tlsv1.2", "--tls-max", "1.2"), True),
        (("--tlsv1.2", "--tls-max", "1.2", "--ciphers", ECDSA), True),
        (("--tlsv1.2", "--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"), False),
        (("--tlsv1.2", "--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-CHACHA20-POLY1305"), False),
        (("--tlsv1.3",), True),
        (("--tlsv1.3", "--tls13-ciphers", "TLS_CHACHA20_POLY1305_SHA256"), True),
        (("--tlsv1.3", "--tls13-ciphers", "TLS_AES_128_GCM_SHA256"), False),
        (("--tlsv1.1", "--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0"), False),
    ],
)
def test_curl_gets_in_with_the_named_suites_only(
    strict: RunningProxy, options: tuple[str, ...], *, is_served: bool
) -> None:
    assert shutil.which("curl"), "scripts/test installs it"
    outcome = curl(strict.port, *options, ca=strict.authorities)
    assert (outcome.is_served, outcome.is_refused) == (is_served, not is_served), outcome


def test_a_certificate_that_soon_expires_is_warned_of_at_the_start(
    strict: RunningProxy, compatible: RunningProxy
) -> None:
    assert [entry["level"] for entry in entries(compatible) if "expires in 5 days" in entry["message"]] == ["warning"]
    assert [entry["level"] for entry in entries(strict) if "expires in" in entry["message"]] == ["info"]


def entries(proxy: RunningProxy) -> list[dict[str, str]]:
    return [json.loads(line) for line in proxy.log().splitlines()]
