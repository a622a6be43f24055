"""What is tested on openCryptoki's software token, in a process of its own: `test_opencryptoki.py` runs this file.

openCryptoki's C_Initialize closes a file descriptor twice when there is no TPM, and with it whatever another thread has
opened in between: here it is initialised once, before any thread is there, and never finalised.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hyok.clock import SystemClock, deadline_in
from hyok.errors import OperatorError
from hyok.keymanagers.interface import KeyUsage
from hyok.keymanagers.pkcs11.administrator import Pkcs11KeyAdministrator
from hyok.keymanagers.pkcs11.manager import Pkcs11KeyManager
from hyok.keymanagers.pkcs11.modules import Module, Modules
from hyok.keymanagers.pkcs11.setup import Pkcs11Setup
from hyok.keymanagers.pkcs11.slots import TokenName
from hyok.testing.key_managers import KeyManagerContract, Subject
from tests.integration.pkcs11.managers import open_manager, soon
from tests.integration.pkcs11.opencryptoki import OPENCRYPTOKI, TOKEN, USER_PIN
from tests.integration.pkcs11.softhsm import access, destroy_keys
from tests.integration.pkcs11.vendor_module import Setting, VendorModule

KEY_IDS = ("one", "two")


@pytest.fixture(scope="module")
def token() -> TokenName:
    return TOKEN


@pytest.fixture(scope="module")
def module(token: TokenName, vendor_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Module]:
    """The token's library, with AES-GCM made of its AES-ECB."""
    vendor = VendorModule(vendor_library, tmp_path_factory.mktemp("control") / "control")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HYOK_TEST_MODULE", str(OPENCRYPTOKI))
        environment.setenv("HYOK_TEST_CONTROL", str(vendor.control))
        module = Modules().open(vendor_library)
        vendor.set(Setting.GCM_OVER_ECB, 1)
        module.acquire()  # for good
        module.enter()
        module.leave()
        yield module


class TestOpenCryptoki(KeyManagerContract):
    @pytest.fixture(autouse=True)
    def _make_keys(self, module: Module, token: TokenName) -> None:
        for key_id in KEY_IDS:
            destroy_keys(module, token, label=key_id, pin=USER_PIN)
        self.made = Pkcs11Setup("hsm", module, access(token, pin=USER_PIN))
        self.administrator = Pkcs11KeyAdministrator(lambda: self.made, SystemClock())
        for key_id in KEY_IDS:
            self.administrator.create_key(key_id, frozenset(KeyUsage))

    @asynccontextmanager
    async def subject(self) -> AsyncIterator[Subject]:
        manager = Pkcs11KeyManager(self.made)
        manager.connect()

        async def refresh() -> None:
            for key_id in KEY_IDS:
                await manager.describe_key(key_id, deadline_in(5))

        yield Subject(manager, *KEY_IDS, self.administrator, refresh)
        await manager.aclose()


def test_keys_are_listed_with_their_versions(module: Module, token: TokenName) -> None:
    for key_id in KEY_IDS:
        destroy_keys(module, token, label=key_id, pin=USER_PIN)
    administrator = Pkcs11KeyAdministrator(
        lambda: Pkcs11Setup("hsm", module, access(token, pin=USER_PIN)), SystemClock()
    )
    administrator.create_key("one", frozenset(KeyUsage))
    administrator.rotate_key("one")
    administrator.disable_key("one")
    (listed,) = (each for each in administrator.list_keys() if each.key_id == "one")
    assert (listed.key_id, listed.active_version, listed.version_count, listed.is_enabled) == ("one", 2, 2, False)


def test_a_wrong_pin_is_refused_and_the_right_one_still_taken(module: Module, token: TokenName) -> None:
    async def check(pin: bytes) -> None:
        async with open_manager(module, access(token, pin=pin)) as manager:
            (member,) = await manager.check_health(soon())
            assert (member.id, member.model, manager.vendor) == ("hyok-test", "IBM SoftTok", "IBM Corp.")

    with pytest.raises(
        OperatorError, match="the token 'hyok-test' refused the PIN: C_Login returned CKR_PIN_INCORRECT"
    ):
        asyncio.run(check(b"00000000"))
    asyncio.run(check(USER_PIN))


def test_as_it_is_it_has_no_aes_gcm_and_is_refused_at_start(module: Module, token: TokenName) -> None:
    alone = Modules().open(OPENCRYPTOKI)
    alone.acquire()  # for good, as the one around it

    async def check() -> None:
        async with open_manager(alone, access(token, pin=USER_PIN)):
            pass

    with pytest.raises(
        OperatorError, match=r"^key manager hsm: the token 'hyok-test' \(IBM SoftTok\) has no CKM_AES_GCM; external"
    ):
        asyncio.run(check())
