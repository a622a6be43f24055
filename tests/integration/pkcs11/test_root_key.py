"""A root key in an HSM: it wraps the storage's key and never leaves the token."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from hyok.assembly.root_sources import open_root_key
from hyok.cli.main import run
from hyok.config.configuration import load_configuration
from hyok.config.root_sources import parse_root_source
from hyok.custody.file_root import create_file_root
from tests.integration.pkcs11.softhsm import PIN, SOFTHSM, SoftHsm

CONFIGURATION = f"""
[storage]
url = "sqlite:///hyok.db"
[audit]
directory = "audit"
[root_key]
source = "SOURCE"
[key_managers.software]
kind = "embedded"
[key_managers.hsm]
kind = "pkcs11"
preset = "softhsm"
module = "{SOFTHSM}"
token = {{ label = "prod" }}
pin = "file:pin"
"""


class Site:
    """A directory with a configuration, whose key manager `hsm` has the key `hyok-root`."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory = directory
        self._capsys = capsys
        (directory / "pin").write_bytes(PIN)
        create_file_root(directory / "root.key")
        self.use("file:root.key")
        assert self("key", "create", "hyok-root", "--key-manager", "hsm") == ""

    def use(self, source: str) -> None:
        (self.directory / "hyok.toml").write_text(CONFIGURATION.replace("SOURCE", source))

    def start_anew(self) -> None:
        for file in self.directory.glob("hyok.db*"):
            file.unlink()
        shutil.rmtree(self.directory / "audit")  # the trail belongs to that storage

    def __call__(self, *arguments: str) -> str:
        """Run a command and return what it said beside its result, which is nothing if it was simply done."""
        run(arguments)
        return self._capsys.readouterr().err


@pytest.fixture
def site(hsm: SoftHsm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Site:
    hsm.make_token("prod")
    monkeypatch.chdir(tmp_path)
    return Site(tmp_path, capsys)


def on_software(*arguments: str) -> tuple[str, ...]:
    return (*arguments, "--key-manager", "software")


def test_a_storage_is_kept_under_a_key_in_the_hsm(site: Site) -> None:
    site.start_anew()
    site.use("pkcs11:hsm/hyok-root")
    assert site(*on_software("key", "create", "payroll")) == ""
    assert site(*on_software("key", "rotate", "payroll")) == ""
    site.use("file:root.key")
    assert "is kept under root key pkcs11:hyok-root, and the root key given is" in site("key", "list")


def test_the_key_wraps_on_after_it_was_rotated_in_the_hsm(site: Site) -> None:
    site.start_anew()
    site.use("pkcs11:hsm/hyok-root")
    assert site(*on_software("key", "create", "payroll")) == ""
    assert site("key", "rotate", "hyok-root", "--key-manager", "hsm") == ""
    assert site(*on_software("key", "rotate", "payroll")) == ""


def test_another_key_and_a_token_that_is_gone_open_nothing(site: Site, hsm: SoftHsm) -> None:
    site.start_anew()
    site.use("pkcs11:hsm/hyok-root")
    assert site(*on_software("key", "create", "payroll")) == ""
    site.use("pkcs11:hsm/nope")
    assert "the root key given is pkcs11:nope" in site(*on_software("key", "rotate", "payroll"))
    site.use("pkcs11:hsm/hyok-root")
    hsm.take_away()
    assert "root key pkcs11:hyok-root cannot be used: unavailable" in site(*on_software("key", "rotate", "payroll"))
    hsm.bring_back()
    assert site(*on_software("key", "rotate", "payroll")) == ""


def test_a_storage_passes_from_a_file_to_the_hsm(site: Site) -> None:
    assert site(*on_software("key", "create", "payroll")) == ""
    said = site("root", "rewrap", "--to", "pkcs11:hsm/nope", "--yes")
    assert "root key pkcs11:nope cannot be used: key not found" in said
    assert "Next: set source" in site("root", "rewrap", "--to", "pkcs11:hsm/hyok-root", "--yes")
    site.use("pkcs11:hsm/hyok-root")
    assert site("root", "retire", "--yes") == ""
    (site.directory / "root.key").unlink()
    assert site(*on_software("key", "rotate", "payroll")) == ""


def test_a_server_that_runs_a_loop_already_can_open_it(site: Site) -> None:
    source = load_configuration(site.directory / "hyok.toml", {}).complete_root_source(
        parse_root_source("pkcs11:hsm/hyok-root", site.directory)
    )

    async def as_the_kms_service_does() -> bytes:
        root = open_root_key(source)
        return root.unwrap(root.wrap(b"plaintext", b"context"), b"context")

    assert asyncio.run(as_the_kms_service_does()) == b"plaintext"
