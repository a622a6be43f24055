from __future__ import annotations

import os
from pathlib import Path

import pytest

from hyok.config.configuration import load_configuration, parse_configuration
from hyok.config.origins import EffectiveSetting, Origin, OriginKind
from hyok.config.references import ReferenceScheme, SecretReference
from hyok.config.settings import ClusterKeyManagerSettings, EmbeddedKeyManagerSettings
from hyok.config.values import Address
from hyok.errors import OperatorError
from tests.unit.config.files import HOLDER, KMS, load


def test_a_file_becomes_settings(tmp_path: Path) -> None:
    configuration = load(tmp_path, HOLDER + KMS)
    assert configuration.require_proxy().listen == Address("127.0.0.1", 0)
    assert configuration.require_holder().key_managers == {"software": EmbeddedKeyManagerSettings()}
    assert configuration.require_kms().region == "eu-central-1"


def test_a_setting_that_is_not_there_has_its_default(tmp_path: Path) -> None:
    assert load(tmp_path, HOLDER).require_proxy().workers == 2


def test_relative_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    holder = load(tmp_path, HOLDER).require_holder()
    assert holder.storage.url.path == tmp_path / "hyok.db"
    assert holder.root_key.source.secret == SecretReference(ReferenceScheme.FILE, str(tmp_path / "root.key"))


def test_an_absolute_path_stays_as_it_is(tmp_path: Path) -> None:
    configuration = load(tmp_path, 'storage.url = "sqlite:////var/lib/hyok/hyok.db"')
    assert configuration.storage is not None
    assert str(configuration.storage.url) == "sqlite:////var/lib/hyok/hyok.db"


def test_the_file_given_comes_before_the_variable(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text("")
    given = tmp_path / "given.toml"
    given.write_text("")
    assert load_configuration(given, {"HYOK_CONFIG": str(other)}).file == given


def test_the_variable_comes_before_the_files_searched(tmp_path: Path) -> None:
    named, searched = tmp_path / "named.toml", tmp_path / "hyok.toml"
    named.write_text("")
    searched.write_text("")
    assert load_configuration(None, {"HYOK_CONFIG": str(named)}, searched=[searched]).file == named


def test_the_first_of_the_searched_files_that_is_there_is_read(tmp_path: Path) -> None:
    missing, present = tmp_path / "a.toml", tmp_path / "b.toml"
    present.write_text("")
    assert load_configuration(None, {}, searched=[missing, present]).file == present


def test_the_working_directory_is_searched_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hyok.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    assert load_configuration(None, {}).file == tmp_path / "hyok.toml"


def test_no_configuration_at_all_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as raised:
        load_configuration(None, {}, searched=[tmp_path / "hyok.toml"])
    assert str(raised.value) == (
        f"no configuration: neither {tmp_path}/hyok.toml is there; give --config FILE, set HYOK_CONFIG, "
        "or make a start with `hyok init DIR`"
    )


def test_variables_alone_may_configure_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {
        "HYOK__STORAGE__URL": "sqlite:///hyok.db",
        "HYOK__ROOT_KEY__SOURCE": "env:ROOT",
        "HYOK__KEY_MANAGERS__SOFTWARE__KIND": "embedded",
    }
    holder = load_configuration(None, environment, searched=[]).require_holder()
    assert holder.storage.url.path == tmp_path / "hyok.db"
    assert str(holder.root_key.source) == "env:ROOT"


def test_a_variable_overrides_the_file(tmp_path: Path) -> None:
    configuration = load(tmp_path, HOLDER, {"HYOK__PROXY__LISTEN": "0.0.0.0:8443", "HYOK__PROXY__WORKERS": "4"})
    assert configuration.require_proxy().listen == Address("0.0.0.0", 8443)  # noqa: S104  # parsed, not bound
    assert configuration.require_proxy().workers == 4


def test_a_name_in_mixed_case_in_a_variable_stays_as_it_is(tmp_path: Path) -> None:
    environment = {"HYOK__KMS__QUOTAS__REQUESTS__CreateKey": "5", "HYOK__KMS__QUOTAS__KEYS": "7"}
    quotas = load(tmp_path, KMS, environment).require_kms().quotas
    assert (quotas.requests, quotas.keys) == ({"CreateKey": 5}, 7)
    with pytest.raises(OperatorError, match=r"quotas\.requests is \"createkey\"; allowed is the name of an operation"):
        load(tmp_path, KMS, {"HYOK__KMS__QUOTAS__REQUESTS__CREATEKEY": "5"})


def test_a_variable_that_is_no_text_is_read_as_toml(tmp_path: Path) -> None:
    environment = {"HYOK__KMS__ENDPOINT_MAP": '{ "xks.example.com" = "127.0.0.1:8443" }'}
    assert load(tmp_path, KMS, environment).require_kms().endpoint_map == {
        "xks.example.com": Address("127.0.0.1", 8443)
    }


def test_every_effective_value_names_its_origin(tmp_path: Path) -> None:
    configuration = load(tmp_path, HOLDER, {"HYOK__PROXY__LISTEN": "127.0.0.1:1"})
    by_path = {setting.path: setting for setting in configuration.effective}
    file = str(tmp_path / "hyok.toml")
    assert by_path["proxy.listen"] == EffectiveSetting(
        "proxy.listen", "127.0.0.1:1", Origin(OriginKind.ENVIRONMENT, "HYOK__PROXY__LISTEN")
    )
    assert by_path["proxy.certificate"].origin == Origin(OriginKind.FILE, file)
    assert by_path["proxy.workers"] == EffectiveSetting("proxy.workers", 2, Origin(OriginKind.DEFAULT, ""))
    assert by_path["audit.directory"].value == "/var/log/hyok/audit"


def test_an_origin_is_shown_as_its_name() -> None:
    assert str(Origin(OriginKind.DEFAULT, "")) == "default"
    assert str(Origin(OriginKind.FILE, "/etc/hyok/hyok.toml")) == "/etc/hyok/hyok.toml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "[storage] is missing, and this command needs it; add it with url = "),
        ('storage.url = "sqlite:///a"', "[root_key] is missing, and this command needs it; add it with source = "),
        (
            'storage.url = "sqlite:///a"\nroot_key.source = "env:A"',
            '[key_managers.software] is missing, and this command needs it; add it with kind = "embedded"',
        ),
    ],
)
def test_a_missing_section_of_the_holders_side_is_named_with_what_to_add(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(OperatorError) as raised:
        load(tmp_path, text).require_holder()
    assert str(raised.value).startswith(f"{tmp_path}/hyok.toml: {message}")


def test_a_missing_proxy_section_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"hyok\.toml: \[proxy\] is missing"):
        load(tmp_path, KMS).require_proxy()


def test_a_missing_kms_section_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"hyok\.toml: \[kms\] is missing"):
        load(tmp_path, HOLDER).require_kms()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ('certificate = "file:a"', "kms.private_key is missing; kms.certificate is there and works only with it"),
        ('private_key = "file:a"', "kms.certificate is missing; kms.private_key is there and works only with it"),
        (
            'client_certificate = "file:a"',
            "kms.client_private_key is missing; kms.client_certificate is there and works only with it",
        ),
    ],
)
def test_a_certificate_without_its_key_is_refused(tmp_path: Path, setting: str, message: str) -> None:
    with pytest.raises(OperatorError) as raised:
        load(tmp_path, KMS.replace("[kms]\n", f"[kms]\n{setting}\n"))
    assert str(raised.value) == f"{tmp_path}/hyok.toml: {message}"


def test_a_second_embedded_key_manager_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as raised:
        load(tmp_path, HOLDER + '[key_managers.more]\nkind = "embedded"')
    assert str(raised.value) == (
        f'{tmp_path}/hyok.toml: key_managers.software and key_managers.more are all of the kind "embedded"; there can '
        "be one, because its keys are those of [storage]"
    )


def test_the_real_environment_does_not_reach_a_loaded_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "HYOK__PROXY__WORKERS", "9")
    assert load(tmp_path, HOLDER).require_proxy().workers == 2


def test_what_was_read_makes_the_same_configuration_elsewhere(tmp_path: Path) -> None:
    environment = {"HYOK__PROXY__TLS_SUITES": "strict"}
    configuration = load(tmp_path, HOLDER, environment)
    assert configuration.require_proxy().tls_suites == "strict"
    (tmp_path / "hyok.toml").unlink()
    again = parse_configuration(configuration.content, file=configuration.file, environment=environment)
    assert again == configuration


def test_tls_suites_are_one_of_two_words(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r'proxy\.tls_suites is "weak"; allowed is "compatible" or "strict"'):
        load(tmp_path, HOLDER, {"HYOK__PROXY__TLS_SUITES": "weak"})


TWO_TOKENS = """
[key_managers.a]
kind = "pkcs11"
module = "/a.so"
preset = "softhsm"
token = { label = "a" }
[key_managers.hsms]
kind = "cluster"
"""


def test_a_cluster_has_members_that_are_key_managers(tmp_path: Path) -> None:
    configuration = load(tmp_path, HOLDER + TWO_TOKENS + 'members = ["a", "software"]')
    cluster = configuration.key_managers["hsms"]
    assert isinstance(cluster, ClusterKeyManagerSettings)
    assert (cluster.members, cluster.choice, cluster.members_replicate) == (("a", "software"), "ordered", False)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ('["a", "b"]', "names 'b', which is no key manager of its own; there are: software, a"),
        ('["a", "hsms"]', "names 'hsms', which is no key manager of its own"),
        ('["a", "a"]', "names a key manager twice"),
        ('["a"]', "key_managers.hsms.members"),
    ],
)
def test_a_cluster_of_anything_else_is_refused(tmp_path: Path, members: str, message: str) -> None:
    with pytest.raises(OperatorError, match=message):
        load(tmp_path, HOLDER + TWO_TOKENS + f"members = {members}")
