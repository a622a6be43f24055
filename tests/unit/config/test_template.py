from __future__ import annotations

from pathlib import Path

import pytest

from hyok.config.template import holder_template, kms_template
from tests.unit.config.files import load

AWKWARD = 'file:/a "b" \\ é\t\x7f\N{KEY}.pem'


@pytest.mark.parametrize("is_development", [True, False])
def test_the_holders_first_file_is_a_configuration(tmp_path: Path, is_development: bool) -> None:
    text = holder_template(certificate=AWKWARD, private_key="file:k", is_development=is_development)
    configuration = load(tmp_path, text)
    configuration.require_holder()
    assert str(configuration.require_proxy().certificate) == AWKWARD
    assert configuration.kms is None
    assert ("For development" in text) is is_development


@pytest.mark.parametrize(("authorities", "trusted"), [("file:/ca.pem", "file:/ca.pem"), (None, "None")])
def test_the_kmss_first_file_is_a_configuration(tmp_path: Path, authorities: str | None, trusted: str) -> None:
    configuration = load(tmp_path, kms_template(region="eu-west-1", host="xks.example.com", authorities=authorities))
    kms = configuration.require_kms()
    assert kms.region == "eu-west-1"
    assert str(kms.xks_authorities) == trusted
    assert list(kms.endpoint_map) == ["xks.example.com"]
    assert configuration.storage is None
