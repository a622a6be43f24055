"""`[key_managers.NAME]` with `kind = "transit"`: what it takes, and what it refuses in which words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hyok.config.checking import Outcome, check_places
from hyok.config.references import ReferenceScheme, SecretReference
from hyok.config.settings import (
    AppRoleLoginSettings,
    CertificateLoginSettings,
    KubernetesLoginSettings,
    TokenLoginSettings,
    TransitKeyManagerSettings,
)
from hyok.errors import OperatorError
from tests.unit.config.files import load

TRANSIT = """
[key_managers.bao]
kind = "transit"
servers = ["https://bao-1.example.com:8200", "https://bao-2.example.com"]
authorities = "file:ca.pem"
[key_managers.bao.login]
"""
TOKEN = 'kind = "token"\ntoken = "file:token"\n'


def _load(directory: Path, text: str) -> TransitKeyManagerSettings:
    settings = load(directory, text).key_managers["bao"]
    assert isinstance(settings, TransitKeyManagerSettings)
    return settings


def test_a_transit_key_manager_has_defaults_for_all_but_servers_and_login(tmp_path: Path) -> None:
    settings = _load(tmp_path, TRANSIT + TOKEN)
    assert settings.servers == ("https://bao-1.example.com:8200", "https://bao-2.example.com")
    assert (settings.mount, settings.namespace, settings.health_key) == ("transit", None, None)
    assert settings.login == TokenLoginSettings(token=SecretReference(ReferenceScheme.FILE, str(tmp_path / "token")))


def test_an_optional_text_is_taken_from_the_environment_as_it_is(tmp_path: Path) -> None:
    overlay = {"HYOK__KEY_MANAGERS__BAO__HEALTH_KEY": "hyok-health", "HYOK__KEY_MANAGERS__BAO__LOGIN__TOKEN": "env:T"}
    settings = load(tmp_path, TRANSIT + TOKEN, overlay).key_managers["bao"]
    assert isinstance(settings, TransitKeyManagerSettings)
    assert settings.health_key == "hyok-health"
    assert settings.login == TokenLoginSettings(token=SecretReference(ReferenceScheme.ENVIRONMENT, "T"))


def test_each_kind_of_login_is_read(tmp_path: Path) -> None:
    approle = _load(tmp_path, TRANSIT + 'kind = "approle"\nrole_id = "r"\nsecret_id = "env:SECRET"').login
    assert approle == AppRoleLoginSettings(
        role_id="r", secret_id=SecretReference(ReferenceScheme.ENVIRONMENT, "SECRET")
    )
    kubernetes = _load(tmp_path, TRANSIT + 'kind = "kubernetes"\nrole = "hyok"\nmount = "clusters/eu"').login
    assert kubernetes == KubernetesLoginSettings(role="hyok", mount="clusters/eu")
    pair = 'client_certificate = "file:c.pem"\nclient_private_key = "file:c.key"\n'
    text = TRANSIT.replace("[key_managers.bao.login]", pair + "[key_managers.bao.login]") + 'kind = "certificate"'
    assert _load(tmp_path, text).login == CertificateLoginSettings()


@pytest.mark.parametrize(
    ("servers", "found"),
    [
        ("[]", "a list of 0"),
        ('["http://bao.example.com"]', "a list of 1"),
        ('["http://localhost.example.com"]', "a list of 1"),
        ('["https://bao.example.com/v1"]', "a list of 1"),
        ('["https://user:secret@bao.example.com"]', "a list of 1"),
        ('["bao.example.com:8200"]', "a list of 1"),
        ('["https://bao.example.com:port"]', "a list of 1"),
        ('["https://bao.example.com\\n"]', "a list of 1"),
        (str([f"https://bao-{number}" for number in range(11)]).replace("'", '"'), "a list of 11"),
    ],
)
def test_servers_that_would_give_secrets_away_or_are_none_are_refused(tmp_path: Path, servers: str, found: str) -> None:
    text = TRANSIT.replace('["https://bao-1.example.com:8200", "https://bao-2.example.com"]', servers) + TOKEN
    with pytest.raises(OperatorError, match=rf"key_managers\.bao\.servers is {found}; allowed is a list of one to ten"):
        load(tmp_path, text)


@pytest.mark.parametrize(
    "server", ["http://127.0.0.1:8100", "http://localhost", "http://[::1]:8100", "https://[2001:db8::1]:8200"]
)
def test_plain_http_is_for_an_agent_on_this_machine(tmp_path: Path, server: str) -> None:
    text = TRANSIT.replace('["https://bao-1.example.com:8200", "https://bao-2.example.com"]', f'["{server}"]') + TOKEN
    assert _load(tmp_path, text).servers == (server,)


@pytest.mark.parametrize(
    ("login", "message"),
    [
        ("", r"key_managers\.bao\.login\.kind is missing; allowed is \"token\" or \"approle\" or \"kubernetes\" or"),
        ('kind = "userpass"', r"login\.kind is \"userpass\"; allowed is"),
        ('kind = "token"\ntoken = "s.secret-token"', "login.token is a text of 14 characters without such a scheme"),
        ('kind = "approle"\nrole_id = "r"', r"login\.secret_id is missing"),
        ('kind = "kubernetes"\nrole = "r"\nmount = "/k"', r"login\.mount is \"/k\"; allowed is a path without"),
        ('kind = "certificate"', r"key_managers\.bao\.client_certificate is missing; a login of the kind"),
    ],
)
def test_a_login_that_cannot_work_is_refused(tmp_path: Path, login: str, message: str) -> None:
    with pytest.raises(OperatorError, match=message) as raised:
        load(tmp_path, TRANSIT + login)
    assert "s.secret-token" not in str(raised.value)


def test_half_a_key_pair_is_refused(tmp_path: Path) -> None:
    half = 'client_certificate = "file:c.pem"\n[key_managers.bao.login]'
    with pytest.raises(OperatorError, match=r"bao\.client_private_key is missing; key_managers\.bao\.client_certif"):
        load(tmp_path, TRANSIT.replace("[key_managers.bao.login]", half) + TOKEN)


def test_every_place_that_a_key_manager_names_is_looked_at(tmp_path: Path) -> None:
    for name, mode in (("ca.pem", 0o644), ("token", 0o604)):
        (tmp_path / name).write_text(name)
        os.chmod(tmp_path / name, mode)
    findings = {each.setting: each for each in check_places(load(tmp_path, TRANSIT + TOKEN), {})}
    assert findings["key_managers.bao.authorities"].outcome is Outcome.OK
    assert findings["key_managers.bao.login.token"].outcome is Outcome.FAILED
    assert "everybody may use it" in findings["key_managers.bao.login.token"].detail
    kubernetes = 'kind = "kubernetes"\nrole = "r"\nservice_account_token = "file:token"'
    findings = {each.setting: each for each in check_places(load(tmp_path, TRANSIT + kubernetes), {})}
    assert findings["key_managers.bao.login.service_account_token"].outcome is Outcome.OK
