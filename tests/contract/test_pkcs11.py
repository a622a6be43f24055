"""The PKCS#11 key manager keeps the contract of all key managers, on SoftHSM and as each maker's token speaks."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hyok.clock import SystemClock, deadline_in
from hyok.keymanagers.interface import KeyUsage
from hyok.keymanagers.pkcs11.administrator import Pkcs11KeyAdministrator
from hyok.keymanagers.pkcs11.dialects import PRESETS
from hyok.keymanagers.pkcs11.manager import Pkcs11KeyManager
from hyok.keymanagers.pkcs11.modules import Modules
from hyok.keymanagers.pkcs11.setup import Pkcs11Setup
from hyok.testing.key_managers import KeyManagerContract, Subject
from tests.contract.subjects import KEY_IDS
from tests.integration.pkcs11.softhsm import SOFTHSM, SoftHsm, access
from tests.integration.pkcs11.vendor_module import IvMode, Setting, VendorModule, build_vendor_module


class TestSoftHsm(KeyManagerContract):
    @asynccontextmanager
    async def subject(self) -> AsyncIterator[Subject]:
        with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as environment:
            setup = self.setup_in(Path(directory), environment)
            administrator = Pkcs11KeyAdministrator(lambda: setup, SystemClock())
            for key_id in KEY_IDS:
                administrator.create_key(key_id, frozenset(KeyUsage))
            manager = Pkcs11KeyManager(setup)
            manager.connect()

            async def refresh() -> None:
                for key_id in KEY_IDS:
                    await manager.describe_key(key_id, deadline_in(5))

            yield Subject(manager, *KEY_IDS, administrator, refresh)
            await manager.aclose()

    def setup_in(self, directory: Path, environment: pytest.MonkeyPatch) -> Pkcs11Setup:
        token = SoftHsm(directory, environment).make_token("contract")
        return Pkcs11Setup("hsm", Modules().open(SOFTHSM), access(token))


class TestTokenThatWritesTheIv(TestSoftHsm):
    library: Path
    preset = "aws-cloudhsm"
    settings = {Setting.IV_MODE: IvMode.WRITTEN_BACK, Setting.IV_BYTES: 12, Setting.READ_WRITE_ONLY: 1}  # noqa: RUF012  # read only

    @pytest.fixture(autouse=True)
    def _build_once(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        directory = tmp_path_factory.getbasetemp() / "contract-vendor-module"
        if not directory.exists():
            directory.mkdir()
            build_vendor_module(directory)
        self.library = directory / "vendor_module.so"

    def setup_in(self, directory: Path, environment: pytest.MonkeyPatch) -> Pkcs11Setup:
        token = SoftHsm(directory, environment).make_token("contract")
        vendor = VendorModule(self.library, directory / "control")
        environment.setenv("HYOK_TEST_MODULE", str(SOFTHSM))
        environment.setenv("HYOK_TEST_CONTROL", str(vendor.control))
        module = Modules().open(vendor.library)
        for setting, value in self.settings.items():
            vendor.set(setting, value)
        return Pkcs11Setup("hsm", module, access(token, dialect=PRESETS[self.preset]))


class TestTokenThatAppendsTheIv(TestTokenThatWritesTheIv):
    preset = "luna"
    settings = {Setting.IV_MODE: IvMode.APPENDED, Setting.IV_BYTES: 16}  # noqa: RUF012  # read only
