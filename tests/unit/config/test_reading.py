"""Every sentence that a setting which does not fit can get."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from hyok.config.settings import AuditSettings, KeyManagerSettings
from hyok.errors import OperatorError
from tests.unit.config.files import HOLDER, KMS, load

ADDRESS = "host:port, for IPv6 [host]:port"
SECRET = "file:PATH, env:VARIABLE or systemd-credential:NAME"  # the words of the message
ROOT = (
    "file:PATH, env:VARIABLE, systemd-credential:NAME, passphrase:tty or passphrase:REFERENCE, shamir:tty or "
    "shamir:REFERENCE, pkcs11:MANAGER/KEY or transit:MANAGER/KEY"
)
URL = "sqlite:///PATH, with a fourth slash if absolute, or postgresql://USER@HOST/DATABASE"
KINDS = " or ".join(f'"{kind.__struct_config__.tag}"' for kind in get_args(KeyManagerSettings))
AUDIT = ", ".join(AuditSettings.__struct_fields__)
KMS_HOLDS = (
    "listen, certificate, private_key, signatures, account, region, xks_authorities, client_certificate, "
    "client_private_key, connection_delay_seconds, health_check_seconds, storage, root_key, endpoint_map, "
    "vpc_endpoint_services, events, quotas"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # Unknown keys, with the nearest known one.
        (
            "[proxi]\n",
            "proxi is not a setting (did you mean proxy?); the file can hold storage, root_key, proxy, key_managers, "
            "authorization, audit, withdrawal, metrics, kms",
        ),
        (
            "[audit]\ndirektory = 1",
            f"audit.direktory is not a setting (did you mean directory?); [audit] can hold {AUDIT}",
        ),
        ("[audit]\nxyz = 1", f"audit.xyz is not a setting; [audit] can hold {AUDIT}"),
        ('[kms]\n"a b" = 1', f'kms."a b" is not a setting; [kms] can hold {KMS_HOLDS}'),
        (
            '[key_managers.a]\nkind = "embedded"\nx = 1',
            "key_managers.a.x is not a setting; [key_managers.a] can hold rotate_after_encryptions",
        ),
        # Missing ones, with an example.
        (
            "[storage]\n",
            f'storage.url is missing; it must be {URL}, for example url = "sqlite:////var/lib/hyok/hyok.db"',
        ),
        (
            "[proxy]\n",
            f"proxy.certificate is missing; it must be {SECRET}, "
            'for example certificate = "file:/etc/hyok/tls/server.pem"',
        ),
        (
            '[kms]\naccount = "123456789012"\nregion = "eu-central-1"',
            "kms.storage is missing; it is a section with url, password, anchor",
        ),
        # Values of another type.
        ("proxy = 1", "proxy is the number 1; allowed is a section, [proxy]"),
        ("[metrics]\nlisten = 9464", f"metrics.listen is the number 9464; allowed is {ADDRESS}"),
        ("[metrics]\nlisten = true", f"metrics.listen is true; allowed is {ADDRESS}"),
        ("[metrics]\nlisten = [1, 2]", f"metrics.listen is a list of 2; allowed is {ADDRESS}"),
        ("[metrics]\nlisten = {}", f"metrics.listen is a section; allowed is {ADDRESS}"),
        ("[metrics]\nlisten = 2026-01-01", f"metrics.listen is a date or time; allowed is {ADDRESS}"),
        (
            "[metrics]\nlisten = 0x" + "f" * 6000,
            f"metrics.listen is a number of absurd size; allowed is {ADDRESS}",
        ),
        ("kms.account = 123456789012", "kms.account is the number 123456789012; allowed is 12 digits in quotes"),
        # Values that do not fit.
        ('[metrics]\nlisten = "9464"', f'metrics.listen is "9464"; allowed is {ADDRESS}'),
        ('[metrics]\nlisten = "h:65536"', f'metrics.listen is "h:65536"; allowed is {ADDRESS}'),
        ('[metrics]\nlisten = "::1:80"', f'metrics.listen is "::1:80"; allowed is {ADDRESS}'),
        (
            f'[metrics]\nlisten = "{"x" * 60}"',
            f'metrics.listen is "{"x" * 40}…"; allowed is {ADDRESS}',
        ),
        (r"[metrics]" + "\n" + r'listen = "a\nb"', rf'metrics.listen is "a\nb"; allowed is {ADDRESS}'),
        ("[proxy]\nworkers = 0", "proxy.workers is the number 0; allowed is a whole number from 1 to 64"),
        ("[proxy]\nworkers = 1.5", "proxy.workers is the number 1.5; allowed is a whole number from 1 to 64"),
        ('[proxy]\nworkers = "2"', 'proxy.workers is "2"; allowed is a whole number from 1 to 64'),
        ('[audit]\ndirectory = ""', 'audit.directory is ""; allowed is a path'),
        ('[kms]\naccount = "12"', 'kms.account is "12"; allowed is 12 digits in quotes'),
        (
            '[kms]\naccount = "123456789012"\nregion = "Frankfurt"',
            'kms.region is "Frankfurt"; allowed is a Region such as "eu-central-1"',
        ),
        # Kinds of key manager.
        (
            '[key_managers.a]\nkind = "embeded"',
            f'key_managers.a.kind is "embeded"; allowed is {KINDS} (did you mean embedded?)',
        ),
        ('[key_managers.a]\nkind = "cloud"', f'key_managers.a.kind is "cloud"; allowed is {KINDS}'),
        ("[key_managers.a]\nkind = 1", f"key_managers.a.kind is the number 1; allowed is {KINDS}"),
        ("[key_managers.a]", f"key_managers.a.kind is missing; allowed is {KINDS}"),
        (
            '[key_managers.A]\nkind = "embedded"',
            'a name in key_managers is "A"; allowed is a-z 0-9 _ -, a letter first',
        ),
        ("key_managers = []", "key_managers is a list of 0; allowed is a section, [key_managers]"),
        # Storages: never more than the scheme, because a URL may hold a password.
        ('[storage]\nurl = "hyok.db"', f"storage.url is a text of 7 characters that is no URL; allowed is {URL}"),
        (
            '[storage]\nurl = "postgresql://u:hunter2@h/d"',
            "storage.url is `postgresql://…` with a password, which belongs into storage.password, or with a rest that "
            f"does not fit; allowed is {URL}",
        ),
        (
            '[storage]\nurl = "sqlite:///a?mode=memory"',
            f"storage.url is `sqlite://` with a rest that does not fit; allowed is {URL}",
        ),
        ('[storage]\nurl = "sqlite://"', f"storage.url is `sqlite://` with a rest that does not fit; allowed is {URL}"),
        # References: a text that is none may be the secret itself.
        (
            '[root_key]\nsource = "hunter2"',
            f"root_key.source is a text of 7 characters without such a scheme; allowed is {ROOT}",
        ),
        (
            '[root_key]\nsource = "hunter:2"',
            f"root_key.source is a text of 8 characters without such a scheme; allowed is {ROOT}",
        ),
        (
            '[root_key]\nsource = "flie:/x"',
            f"root_key.source is of the unknown scheme `flie:` (did you mean `file:`?); allowed is {ROOT}",
        ),
        (
            '[root_key]\nsource = "file:"',
            f"root_key.source is `file:` with a target that does not fit; allowed is {ROOT}",
        ),
        (
            '[root_key]\nsource = "systemd-credential:../x"',
            f"root_key.source is `systemd-credential:` with a target that does not fit; allowed is {ROOT}",
        ),
        (
            '[root_key]\nsource = "env:A=B"',
            f"root_key.source is `env:` with a target that does not fit; allowed is {ROOT}",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_what_is_allowed(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OperatorError) as raised:
        load(tmp_path, text)
    assert str(raised.value) == f"{tmp_path}/hyok.toml: {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[kms.endpoint_map]\n"https://xks.example.com" = "127.0.0.1:1"',
            'a name in kms.endpoint_map is "https://xks.example.com"; allowed is a host name in lower case, without '
            "https:// and port",
        ),
        (
            '[kms.endpoint_map]\n"xks.example.com" = "127.0.0.1"',
            f'kms.endpoint_map."xks.example.com" is "127.0.0.1"; allowed is {ADDRESS}',
        ),
        (
            "[[kms.vpc_endpoint_services]]\n",
            "kms.vpc_endpoint_services[0].name is missing; it must be com.amazonaws.vpce.REGION.vpce-svc-ID, for "
            'example name = "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0"',
        ),
        (
            '[[kms.vpc_endpoint_services]]\nname = "vpce-svc-1"\n',
            'kms.vpc_endpoint_services[0].name is "vpce-svc-1"; allowed is com.amazonaws.vpce.REGION.vpce-svc-ID',
        ),
        (
            "[kms.vpc_endpoint_services]\n",
            "kms.vpc_endpoint_services is a section; allowed is an array of sections, [[kms.vpc_endpoint_services]]",
        ),
    ],
)
def test_names_and_arrays_of_the_kms_are_checked(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OperatorError) as raised:
        load(tmp_path, KMS + text)
    assert str(raised.value) == f"{tmp_path}/hyok.toml: {message}"


def test_a_single_number_in_place_of_an_array_element_is_named_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as raised:
        load(tmp_path, KMS.replace("[kms]\n", "[kms]\nvpc_endpoint_services = [1]\n"))
    assert str(raised.value) == (
        f"{tmp_path}/hyok.toml: kms.vpc_endpoint_services[0] is the number 1; allowed is a section, "
        "[kms.vpc_endpoint_services[0]]"
    )


@pytest.mark.parametrize("subjects", ["[]", '[""]', "[1]", '"cks"'])
def test_mutual_tls_without_a_subject_is_refused(tmp_path: Path, subjects: str) -> None:
    with pytest.raises(OperatorError, match=r"subjects is .*; allowed is a list of one or more names"):
        load(tmp_path, f'{HOLDER}[proxy.client_certificates]\nauthorities = "file:ca"\nsubjects = {subjects}')


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("HYOK__PROXY__WORKERS", "two", 'proxy.workers is "two"; allowed is a whole number from 1 to 64'),
        ("HYOK__PROXY__WORKERS", "0", "proxy.workers is the number 0; allowed is a whole number from 1 to 64"),
        ("HYOK__PROXY__WORKERS", "1\nx = 2", r'proxy.workers is "1\nx = 2"; allowed is a whole number from 1 to 64'),
        ("HYOK__METRICS__LISTEN", "x", f'metrics.listen is "x"; allowed is {ADDRESS}'),
        ("HYOK__KEY_MANAGERS__A__KIND", "cloud", f'key_managers.a.kind is "cloud"; allowed is {KINDS}'),
        (
            "HYOK__AUDIT__DIREKTORY",
            "x",
            f"audit.direktory is not a setting (did you mean directory?); [audit] can hold {AUDIT}",
        ),
        (
            "HYOK__PROXI__LISTEN",
            "x",
            "proxi is not a setting (did you mean proxy?); the file can hold storage, root_key, proxy, key_managers, "
            "authorization, audit, withdrawal, metrics, kms",
        ),
        ("HYOK__METRICS__LISTEN__HOST", "x", f"metrics.listen is a section; allowed is {ADDRESS}"),
    ],
)
def test_a_variable_that_does_not_fit_is_named_itself(tmp_path: Path, variable: str, value: str, message: str) -> None:
    with pytest.raises(OperatorError) as raised:
        load(tmp_path, HOLDER, {variable: value})
    assert str(raised.value) == f"{variable}: {message}"


def test_a_literal_secret_put_into_a_variable_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as raised:
        load(tmp_path, HOLDER, {"HYOK__ROOT_KEY__SOURCE": "hunter2"})
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None
