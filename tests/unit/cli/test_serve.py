from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import HOLDER, Hyok
from tests.unit.cli.test_config import KMS

CERTIFICATE = 'certificate = "file:server.pem"\nprivate_key = "file:server.key"\n'


@pytest.mark.parametrize("address", ["0.0.0.0:4580", "192.0.2.1:4580", "[::]:4580", "kms.example.com:4580"])
def test_the_kms_lets_nobody_else_in_without_tls(hyok: Hyok, tmp_path: Path, address: str) -> None:
    (tmp_path / "hyok.toml").write_text(KMS.replace("[kms]\n", f'[kms]\nlisten = "{address}"\n'))
    assert hyok("kms", "serve") == (
        2,
        "",
        f"hyok: kms.listen is {address}, which others can reach, and plaintext data keys would cross the network "
        "unencrypted; set kms.certificate and kms.private_key, or listen on loopback, for example 127.0.0.1:4580\n",
    )


def test_the_kms_lets_nobody_else_in_unchecked(hyok: Hyok, tmp_path: Path) -> None:
    settings = f'[kms]\nlisten = "0.0.0.0:4580"\nsignatures = "any-credentials"\n{CERTIFICATE}'
    (tmp_path / "hyok.toml").write_text(KMS.replace("[kms]\n", settings))
    assert hyok("kms", "serve") == (
        2,
        "",
        'hyok: kms.listen is 0.0.0.0:4580, which others can reach, and kms.signatures is "any-credentials", so that '
        'everybody may do everything; set kms.signatures = "verify", or listen on loopback, for example '
        "127.0.0.1:4580\n",
    )


def test_the_kms_needs_its_section(hyok: Hyok) -> None:
    result = hyok("kms", "serve")
    assert result.status == 2
    assert "[kms] is missing" in result.err


def test_the_proxy_needs_its_section(hyok: Hyok) -> None:
    result = hyok("proxy", "serve")
    assert result.status == 2
    assert "[proxy] is missing" in result.err


def test_the_proxy_needs_the_holders_side(hyok: Hyok, tmp_path: Path) -> None:
    (tmp_path / "hyok.toml").write_text(
        HOLDER.replace(
            '[storage]\nurl = "sqlite:///hyok.db"', '[proxy]\ncertificate = "file:a"\nprivate_key = "file:b"'
        )
    )
    result = hyok("proxy", "serve")
    assert result.status == 2
    assert "[storage] is missing" in result.err
