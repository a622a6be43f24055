"""Keys made and changed on real tokens."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
import trustme

from hyok.errors import NotDoneError, OperatorError
from hyok.keymanagers.errors import KeyManagerError
from hyok.keymanagers.interface import KeyAdministrator, KeyUsage, ManagedKey
from hyok.keymanagers.pkcs11.administrator import Pkcs11KeyAdministrator
from hyok.keymanagers.pkcs11.constants import AttributeType, ReturnCode
from hyok.keymanagers.pkcs11.keys import find_key_objects
from hyok.keymanagers.pkcs11.library import encode_bool
from hyok.keymanagers.pkcs11.manager import Pkcs11KeyManager
from hyok.keymanagers.pkcs11.modules import Module, Modules
from hyok.keymanagers.pkcs11.setup import Pkcs11Setup
from hyok.keymanagers.pkcs11.slots import TokenName, TokenNameKind
from hyok.secret import Secret
from hyok.transport.pem import PemSource
from hyok.transport.tls import client_context
from tests.integration.pkcs11.managers import open_manager, seal, soon
from tests.integration.pkcs11.softhsm import access, logged_in, make_foreign_key
from tests.integration.pkcs11.vendor_module import Function, Setting, VendorModule
from tests.unit.storage.fixtures import SetClock

BOTH = frozenset(KeyUsage)


def administrator_of(module: Module, token: TokenName) -> Pkcs11KeyAdministrator:
    return Pkcs11KeyAdministrator(lambda: Pkcs11Setup("hsm", module, access(token)), SetClock(1_800_000_000.0))


@pytest.fixture
def administrator(module: Module, token: TokenName) -> Pkcs11KeyAdministrator:
    return administrator_of(module, token)


def test_it_is_a_key_administrator(administrator: Pkcs11KeyAdministrator) -> None:
    as_administrator: KeyAdministrator = administrator
    assert as_administrator.list_keys() == ()


def test_a_new_key_is_what_its_operator_asked_for(administrator: Pkcs11KeyAdministrator) -> None:
    made = administrator.create_key("payroll", BOTH)
    assert made == ManagedKey("payroll", BOTH, True, 1, 1, 1_800_000_000.0)
    assert administrator.show_key("payroll") == made
    assert administrator.list_keys() == (made,)


def test_tls_in_the_same_thread_does_not_suffer_from_what_openssl_was_told(
    administrator: Pkcs11KeyAdministrator, module: Module, token: TokenName
) -> None:
    # SoftHSM leaves an error in OpenSSL's queue of the thread it is called in, which `ssl` takes for its own.
    administrator.list_keys()
    manager = Pkcs11KeyManager(Pkcs11Setup("hsm", module, access(token)))
    manager.connect()
    client_context(PemSource("authority", Secret(trustme.CA().cert_pem.bytes())), None)
    asyncio.run(manager.aclose())


def test_a_new_key_never_leaves_the_token(
    administrator: Pkcs11KeyAdministrator, module: Module, token: TokenName
) -> None:
    administrator.create_key("payroll", BOTH)
    with logged_in(module, token) as (library, session):
        (key,) = find_key_objects(library, session, None)
        kinds = (AttributeType.CKA_SENSITIVE, AttributeType.CKA_EXTRACTABLE, AttributeType.CKA_WRAP)
        assert library.attribute_values(session, key.handle, kinds) == (b"\x01", b"\x00", b"\x00")
        assert library.attribute_values(session, key.handle, (0x11,)) == (None,)  # CKA_VALUE


def test_an_id_that_is_taken_or_no_label_is_refused(administrator: Pkcs11KeyAdministrator) -> None:
    administrator.create_key("payroll", BOTH)
    with pytest.raises(NotDoneError, match="the token has a key 'payroll' already"):
        administrator.create_key("payroll", BOTH)
    with pytest.raises(NotDoneError, match="'id:0a' names a key by its CKA_ID; a new key gets a label"):
        administrator.create_key("id:0a", BOTH)
    with pytest.raises(NotDoneError, match="1 to 255 bytes; this one has 256"):
        administrator.create_key("x" * 256, BOTH)
    with pytest.raises(NotDoneError, match="would be of no use"):
        administrator.create_key("none", frozenset())
    for change in (administrator.rotate_key, administrator.enable_key, administrator.disable_key):
        with pytest.raises(NotDoneError, match="the token has no key 'gone'"):
            change("gone")


def test_a_rotated_key_keeps_its_name_and_what_it_sealed(
    administrator: Pkcs11KeyAdministrator, module: Module, token: TokenName
) -> None:
    make_foreign_key(module, token, label="payroll", key_id=b"made elsewhere")

    async def check() -> None:
        async with open_manager(module, access(token)) as manager:
            old = await seal(manager, key_id="payroll")
            rotated = await asyncio.to_thread(administrator.rotate_key, "payroll")
            assert (rotated.active_version, rotated.version_count) == (2, 2)
            await manager.describe_key("payroll", soon())
            new = await seal(manager, key_id="payroll")
            assert (old[0].number, new[0].number) == (1, 2)
            for version, sealed in (old, new):
                assert await manager.decrypt(version, sealed, b"aad", soon()) == b"plaintext"
            assert (await asyncio.to_thread(administrator.rotate_key, "payroll")).active_version == 3

    asyncio.run(check())


@pytest.mark.parametrize("usages", [BOTH, frozenset({KeyUsage.ENCRYPT}), frozenset({KeyUsage.DECRYPT})])
def test_a_disabled_key_comes_back_as_it_was(
    administrator: Pkcs11KeyAdministrator, usages: frozenset[KeyUsage]
) -> None:
    administrator.create_key("payroll", usages)
    administrator.rotate_key("payroll")
    disabled = administrator.disable_key("payroll")
    assert (disabled.is_enabled, disabled.usages) == (False, usages)
    assert administrator.disable_key("payroll") == disabled
    rotated = administrator.rotate_key("payroll")
    assert (rotated.is_enabled, rotated.usages, rotated.active_version) == (False, usages, 3)
    enabled = administrator.enable_key("payroll")
    assert (enabled.is_enabled, enabled.usages) == (True, usages)
    assert administrator.enable_key("payroll") == enabled


def test_a_key_made_by_others_can_be_disabled_if_it_can_be_restored(
    administrator: Pkcs11KeyAdministrator, module: Module, token: TokenName
) -> None:
    make_foreign_key(module, token, label="both")
    make_foreign_key(module, token, label="one", attributes={AttributeType.CKA_DECRYPT: encode_bool(False)})
    assert not administrator.disable_key("both").is_enabled
    assert administrator.enable_key("both") == ManagedKey("both", BOTH, True, 1, 1, 0.0)
    with pytest.raises(NotDoneError, match="key one was not made by hyok and is for one use only"):
        administrator.disable_key("one")
    assert administrator.show_key("one").is_enabled


def test_a_key_without_a_label_goes_by_its_id_and_is_not_rotated(
    administrator: Pkcs11KeyAdministrator, module: Module, token: TokenName
) -> None:
    make_foreign_key(module, token, label="", key_id=b"\x0a\x1b")
    (listed,) = administrator.list_keys()
    assert administrator.show_key(listed.key_id) == listed == ManagedKey("id:0a1b", BOTH, True, 1, 1, 0.0)
    with pytest.raises(NotDoneError, match="id:0a1b is one object and stays it"):
        administrator.rotate_key("id:0a1b")


def test_keys_that_are_not_told_apart_are_not_rotated(
    administrator: Pkcs11KeyAdministrator, module: Module, token: TokenName
) -> None:
    for key_id in (b"\x01", b"\x02"):
        make_foreign_key(module, token, label="payroll", key_id=key_id)
    with pytest.raises(NotDoneError, match="several keys on the token are version 1 of 'payroll'"):
        administrator.rotate_key("payroll")
    (listed,) = administrator.list_keys()
    assert (listed.active_version, listed.version_count) == (0, 2)


def test_a_token_that_keeps_its_attributes_says_so(
    vendor: VendorModule, vendor_module: Module, token: TokenName
) -> None:
    administrator = administrator_of(vendor_module, token)
    administrator.create_key("payroll", BOTH)
    vendor.set(Setting.FROZEN_ATTRIBUTES, ReturnCode.CKR_ATTRIBUTE_READ_ONLY)
    with pytest.raises(
        NotDoneError, match=r"does not let 'payroll' be enabled or disabled \(.*CKR_ATTRIBUTE_READ_ONLY"
    ):
        administrator.disable_key("payroll")
    assert administrator.show_key("payroll").is_enabled


def test_each_call_leaves_the_token_and_the_library(
    vendor: VendorModule, vendor_module: Module, token: TokenName
) -> None:
    administrator = administrator_of(vendor_module, token)
    administrator.create_key("payroll", BOTH)
    administrator.list_keys()
    assert vendor.count(Function.CLOSE_SESSION) == vendor.count(Function.OPEN_SESSION) == 2
    assert vendor.count(Function.FINALIZE) == vendor.count(Function.INITIALIZE) == 2


def test_what_keeps_a_token_from_being_used_is_said_in_a_sentence(module: Module, token: TokenName) -> None:
    assert administrator_of(module, token).find_faults() == ()
    (fault,) = administrator_of(module, TokenName(TokenNameKind.LABEL, "prd")).find_faults()
    assert "has no token with label 'prd'; it has label 'prod'" in fault
    with pytest.raises(KeyManagerError, match=r"unavailable: .*has no token with label 'prd'"):
        administrator_of(module, TokenName(TokenNameKind.LABEL, "prd")).list_keys()


def test_a_file_that_is_no_library_is_named() -> None:
    with pytest.raises(OperatorError, match=r"/nowhere\.so: cannot be loaded as a PKCS#11 library"):
        Modules().open(Path("/nowhere.so"))
    another_library = Path(sys.modules["_ctypes"].__file__ or "")
    with pytest.raises(OperatorError, match=r"is no PKCS#11 library: it has no C_GetFunctionList"):
        Modules().open(another_library)
