from __future__ import annotations

from pathlib import Path

import pytest

from hyok.errors import OperatorError
from hyok.keymanagers.pkcs11.dialects import PRESETS, IvSource
from hyok.proxy.predecessors import AadLayout, Predecessor
from hyok.setup.aws_sample import SampleSettings, read_sample_settings
from hyok.setup.succession import name_of
from tests.integration.succession.settings import ACCESS_KEY_ID, PREFIX, SECRET, sample_settings


def read(text: str) -> SampleSettings:
    return read_sample_settings(text.encode(), name="settings.toml")


def test_key_stores_credentials_and_hsm_are_read() -> None:
    settings = read(sample_settings(keys='["b", "a", "b"]'))
    first, second = settings.key_stores
    assert (first.path_prefix, first.access_key_id, first.key_ids) == (PREFIX, ACCESS_KEY_ID, ("a", "b"))
    assert first.secret_access_key.reveal().decode() == SECRET
    assert second.path_prefix == ""
    assert (settings.region, settings.port, settings.preset, settings.iv) == ("eu-central-1", 8443, "softhsm", None)
    assert settings.tls is not None
    assert settings.tls.client_subject == "eu-central-1.cks.kms.aws.internal.amazonaws.com"
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("module", "can_generate_iv", "is_zero_iv_required", "preset", "iv"),
    [
        ("/usr/lib/softhsm/libsofthsm2.so", False, False, "softhsm", None),
        ("/opt/cloudhsm/lib/libcloudhsm_pkcs11.so", True, True, "aws-cloudhsm", None),
        ("/usr/safenet/lunaclient/lib/libCryptoki2_64.so", True, False, "luna", None),
        ("/usr/safenet/lunaclient/lib/libCryptoki2_64.so", False, False, "luna-without-fips", None),
        ("/opt/nfast/toolkits/pkcs11/libcknfast.so", True, True, "nshield", None),
        ("/opt/nfast/toolkits/pkcs11/libcknfast.so", False, False, "nshield", IvSource.HOST),
        ("/opt/safenet/protecttoolkit7/ptk/lib/libcryptoki.so", True, True, "protectserver", None),
        ("/usr/lib/libmaker.so", False, False, "standard", None),
        ("/usr/lib/libmaker.so", True, True, "standard", IvSource.WRITTEN_BACK),
    ],
)
def test_the_token_speaks_to_hyok_as_it_spoke_to_the_sample(
    module: str, can_generate_iv: bool, is_zero_iv_required: bool, preset: str, iv: IvSource | None
) -> None:
    settings = read(
        sample_settings(module=Path(module), can_generate_iv=can_generate_iv, is_zero_iv_required=is_zero_iv_required)
    )
    assert (settings.preset, settings.iv) == (preset, iv)
    assert (settings.iv or PRESETS[preset].iv_source) is settings.iv_source


def test_a_library_behind_the_logger_is_the_makers() -> None:
    text = sample_settings(module=Path("/opt/pkcs11-logger-x64.so"))
    logged = '[pkcs11_logger]\nPKCS11_LOGGER_LIBRARY_PATH = "/opt/cloudhsm/lib/libcloudhsm_pkcs11.so"\n'
    assert read(text + logged).module == Path("/opt/cloudhsm/lib/libcloudhsm_pkcs11.so")


def test_what_the_sample_wrote_before_it_had_metadata_is_read_too() -> None:
    assert read(sample_settings()).predecessors == (Predecessor(AadLayout.AWS_SAMPLE),)
    assert read(sample_settings(metadata="djAuMC4x")).predecessors == (
        Predecessor(AadLayout.AWS_SAMPLE, b"v0.0.1"),
        Predecessor(AadLayout.AWS_SAMPLE),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no settings.toml of AWS's sample proxy"),
        ("[server", "not TOML"),
        (sample_settings(metadata="*"), "ciphertext_metadata_b64 cannot be taken over"),
        (sample_settings(metadata="AQAAAAE="), "hyok writes ciphertext metadata of this form itself"),
        (sample_settings().replace("port = 8443", 'port = "8443"'), "is no settings.toml"),
    ],
)
def test_another_file_is_refused_in_a_sentence(text: str, message: str) -> None:
    with pytest.raises(OperatorError, match=message) as refused:
        read(text)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(("prefix", "name"), [("", "aws-sample"), ("/a/b_c", "a-b_c"), ("/" + "x" * 117, "x" * 60)])
def test_a_key_store_is_called_as_its_path(prefix: str, name: str) -> None:
    assert name_of(prefix) == name
