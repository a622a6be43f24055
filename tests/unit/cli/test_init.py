from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from cryptography import x509

from hyok.assembly.root_sources import open_root_key
from hyok.config.configuration import load_configuration
from hyok.custody.safe import open_safe
from hyok.storage.engine import open_storage
from hyok.storage.schema import Side
from tests.unit.cli.conftest import Hyok


def test_the_start_is_complete_and_in_order(hyok: Hyok) -> None:
    started = hyok("init", "start", "--output", "json")
    assert started.status == 0
    document = json.loads(started.out)
    config = ("--config", document["configuration"])
    assert hyok("config", "check", *config).status == 0
    (offer,) = json.loads(hyok("key", "list", "--output", "json", *config).out)["keys"][0]["external_keys"]
    assert (offer["keystore"], offer["external_key_id"]) == ("main", "key-1")
    assert document["credential"]["access_key_id"] in hyok("credential", "list", "main", *config).out
    assert document["keystore"]["uri_path"] == "/main/kms/xks/v1"


def test_what_a_start_makes_is_in_the_trail_with_the_first_change(hyok: Hyok) -> None:
    assert hyok("init", "start").status == 0
    config = ("--config", "start/hyok.toml")
    assert hyok("key", "rotate", "key-1", *config).status == 0
    shown = json.loads(hyok("audit", "show", "--log", "administration", "--output", "json", *config).out)["records"]
    assert [each["record"]["action"] for each in shown if each["record"]["event"] == "administration"] == [
        "create key store",
        "create credential",
        "create embedded key",
        "add external key",
        "rotate embedded key",
    ]


def test_the_next_steps_show_the_secret_once_and_say_what_aws_needs(hyok: Hyok) -> None:
    result = hyok("init", "start")
    secret = next(line.split()[-1] for line in result.out.splitlines() if line.startswith("Secret access key"))
    assert result.out.count(secret) == 1
    assert "AWS KMS connects only to a public host name, on port 443, with a" in result.out
    assert "certificate of a public CA" in result.out
    assert "root.key" in result.out


def test_only_the_owner_can_read_what_is_secret(hyok: Hyok, tmp_path: Path) -> None:
    hyok("init", "start")
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "start").rglob("*")}
    assert stat.S_IMODE((tmp_path / "start").stat().st_mode) == 0o700
    assert {path.name for path, mode in modes.items() if not mode & 0o077} >= {"root.key", "server.key", "hyok.db"}


def test_the_environment_does_not_lead_a_start_elsewhere(
    hyok: Hyok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYOK__STORAGE__URL", f"sqlite:///{tmp_path}/elsewhere.db")
    assert hyok("init", "start").status == 0
    assert not (tmp_path / "elsewhere.db").exists()


def test_the_development_certificate_is_for_the_host_and_loopback(hyok: Hyok, tmp_path: Path) -> None:
    hyok("init", "start", "--host", "xks.example.com")
    server = x509.load_pem_x509_certificate((tmp_path / "start/tls/server.pem").read_bytes())
    authority = x509.load_pem_x509_certificate((tmp_path / "start/tls/ca.pem").read_bytes())
    server.verify_directly_issued_by(authority)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["xks.example.com", "localhost"]


def test_a_given_certificate_is_used_where_it_is(hyok: Hyok, tmp_path: Path) -> None:
    (tmp_path / "s.pem").write_text("certificate")
    (tmp_path / "s.key").write_text("key")
    result = hyok("init", "start", "--certificate", "s.pem", "--private-key", "s.key", "--host", "xks.example.com")
    assert result.status == 0
    assert "for development" not in result.out
    assert "https://xks.example.com" in result.out
    proxy = load_configuration(tmp_path / "start/hyok.toml", {}).require_proxy()
    assert str(proxy.certificate) == f"file:{tmp_path}/s.pem"
    assert not (tmp_path / "start/tls").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--certificate", "s.pem"), "--certificate and --private-key belong together: give both, or none"),
        (("--certificate", "no.pem", "--private-key", "no.key"), "cannot read no.pem: No such file or directory"),
        (("--host", "https://x"), "--host is 'https://x' (9 characters); it must be a host name in lower case"),
        (("--keystore", "a b"), "'a b' (3 characters) cannot name a key store"),
        (("--with-kms", "start/kms"), "lie in one another"),
        (("--with-kms", "."), "lie in one another"),
        (("--with-kms", "start"), "lie in one another"),
        (("--with-kms", "kms", "--region", "Frankfurt"), 'kms.region is "Frankfurt"'),
    ],
)
def test_what_does_not_fit_leaves_nothing_behind(
    hyok: Hyok, tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    result = hyok("init", "start", *options)
    assert result.status in (1, 2)
    assert sentence in result.err
    assert result.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_directory_with_content_is_refused(hyok: Hyok, tmp_path: Path) -> None:
    assert hyok("init", str(tmp_path)).status == 2


def test_the_two_sides_share_nothing(hyok: Hyok, tmp_path: Path) -> None:
    assert hyok("init", "holder", "--with-kms", "kms", "--region", "eu-west-1").status == 0
    holder = load_configuration(tmp_path / "holder/hyok.toml", {})
    kms = load_configuration(tmp_path / "kms/hyok.toml", {}).require_kms()
    assert holder.kms is None
    assert kms.region == "eu-west-1"
    assert (tmp_path / "holder/root.key").read_bytes() != (tmp_path / "kms/root.key").read_bytes()
    assert (tmp_path / "kms/xks-ca.pem").read_bytes() == (tmp_path / "holder/tls/ca.pem").read_bytes()
    assert {str(address) for address in kms.endpoint_map.values()} == {str(holder.require_proxy().listen)}
    storage = open_storage(str(kms.storage.url), Side.KMS)
    try:
        open_safe(storage, open_root_key(kms.root_key.source))
    finally:
        storage.close()


def test_no_kms_side_is_made_unasked(hyok: Hyok, tmp_path: Path) -> None:
    hyok("init", "start")
    assert "kms" not in {path.name for path in tmp_path.rglob("*")}
