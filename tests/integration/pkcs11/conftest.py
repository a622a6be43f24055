"""A fresh SoftHSM for each test, and the vendor module around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyok.keymanagers.pkcs11.modules import Module, Modules
from hyok.keymanagers.pkcs11.slots import TokenName
from tests.integration.pkcs11.softhsm import SOFTHSM, SoftHsm
from tests.integration.pkcs11.vendor_module import VendorModule, build_vendor_module


@pytest.fixture(scope="session")
def vendor_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled library: one for this process, as a library is loaded but once."""
    return build_vendor_module(tmp_path_factory.mktemp("vendor"))


@pytest.fixture
def hsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftHsm:
    return SoftHsm(tmp_path, monkeypatch)


@pytest.fixture
def token(hsm: SoftHsm) -> TokenName:
    return hsm.make_token("prod")


@pytest.fixture
def modules() -> Modules:
    return Modules()


@pytest.fixture
def module(modules: Modules, hsm: SoftHsm) -> Module:
    return modules.open(SOFTHSM)


@pytest.fixture
def vendor(vendor_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VendorModule:
    control = tmp_path / "control"
    vendor = VendorModule(vendor_library, control)
    monkeypatch.setenv("HYOK_TEST_MODULE", str(SOFTHSM))
    monkeypatch.setenv("HYOK_TEST_CONTROL", str(control))
    return vendor


@pytest.fixture
def vendor_module(vendor: VendorModule, modules: Modules, hsm: SoftHsm) -> Module:
    return modules.open(vendor.library)
