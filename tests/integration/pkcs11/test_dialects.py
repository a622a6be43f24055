"""Who makes the IV and what the parameters look like: each maker's habits, and what a wrong setting leads to."""

from __future__ import annotations

import asyncio

import pytest
from msgspec import structs

from hyok.errors import OperatorError
from hyok.keymanagers.errors import KeyManagerFailure
from hyok.keymanagers.pkcs11.dialects import PRESETS, Dialect, IvBits
from hyok.keymanagers.pkcs11.modules import Module
from hyok.keymanagers.pkcs11.slots import TokenName
from tests.integration.pkcs11.managers import failure_of, open_manager, seal, soon
from tests.integration.pkcs11.softhsm import access, make_foreign_key
from tests.integration.pkcs11.vendor_module import IvMode, Setting, VendorModule


@pytest.mark.parametrize(
    ("preset", "settings", "iv_bytes"),
    [
        ("standard", {}, 12),
        (
            "aws-cloudhsm",
            {Setting.IV_MODE: IvMode.WRITTEN_BACK, Setting.IV_BYTES: 12, Setting.READ_WRITE_ONLY: 1},
            12,
        ),
        ("luna", {Setting.IV_MODE: IvMode.APPENDED, Setting.IV_BYTES: 16}, 16),
        ("luna-without-fips", {}, 12),
        ("nshield", {Setting.IV_MODE: IvMode.WRITTEN_BACK, Setting.IV_BYTES: 12}, 12),
        ("protectserver", {Setting.IV_MODE: IvMode.WRITTEN_BACK, Setting.IV_BYTES: 12}, 12),
        ("protectserver-7.0", {Setting.IV_MODE: IvMode.REPLACED_AND_APPENDED, Setting.IV_BYTES: 12}, 12),
    ],
)
def test_each_preset_speaks_as_its_maker_does(
    vendor: VendorModule,
    vendor_module: Module,
    token: TokenName,
    preset: str,
    settings: dict[Setting, int],
    iv_bytes: int,
) -> None:
    make_foreign_key(vendor_module, token, label="key")
    for setting, value in settings.items():
        vendor.set(setting, value)

    async def check() -> None:
        async with open_manager(vendor_module, access(token, dialect=PRESETS[preset])) as manager:
            version, sealed = await seal(manager)
            assert (len(sealed.ciphertext), len(sealed.iv), len(sealed.tag)) == (9, iv_bytes, 16)
            assert await manager.decrypt(version, sealed, b"aad", soon()) == b"plaintext"
            altered = structs.replace(sealed, iv=bytes(len(sealed.iv)))
            refused = manager.decrypt(version, altered, b"aad", soon())
            assert await failure_of(refused) is KeyManagerFailure.CIPHERTEXT_REJECTED

    asyncio.run(check())


@pytest.mark.parametrize("iv_bits", list(IvBits))
def test_the_parameters_have_the_layout_that_is_set(
    vendor: VendorModule, vendor_module: Module, token: TokenName, iv_bits: IvBits
) -> None:
    make_foreign_key(vendor_module, token, label="key")
    vendor.set(Setting.WITHOUT_IV_BITS, iv_bits is IvBits.ABSENT)

    async def check() -> None:
        dialect = PRESETS["standard"]._replace(iv_bits=iv_bits)
        async with open_manager(vendor_module, access(token, dialect=dialect)) as manager:
            version, sealed = await seal(manager)
            assert await manager.decrypt(version, sealed, b"aad", soon()) == b"plaintext"

    asyncio.run(check())


@pytest.mark.parametrize(
    ("preset", "settings", "message"),
    [
        # The token uses what it is passed: everything would be encrypted under an IV of zeros.
        ("aws-cloudhsm", {}, "the token left the IV as it was passed, all zeros"),
        (
            "aws-cloudhsm",
            {Setting.IV_MODE: IvMode.REPEATED, Setting.IV_BYTES: 12},
            "the token made the same IV twice",
        ),
        # The token appends nothing, or something that is not set.
        ("protectserver-7.0", {}, r"C_Encrypt returned 64 bytes where 76 belong"),
        (
            "standard",
            {Setting.IV_MODE: IvMode.REPLACED_AND_APPENDED, Setting.IV_BYTES: 12},
            r"C_Encrypt returned 76 bytes where 64 belong",
        ),
        ("standard", {Setting.IGNORE_AAD: 1}, "the token decrypted a ciphertext whose AAD was altered"),
    ],
)
def test_a_token_that_does_not_do_as_it_is_set_is_refused_at_start(
    vendor: VendorModule,
    vendor_module: Module,
    token: TokenName,
    preset: str,
    settings: dict[Setting, int],
    message: str,
) -> None:
    for setting, value in settings.items():
        vendor.set(setting, value)

    async def check() -> None:
        async with open_manager(vendor_module, access(token, dialect=PRESETS[preset])):
            pass

    with pytest.raises(OperatorError, match=f"^key manager hsm: {message}"):
        asyncio.run(check())


def test_a_refused_token_stays_out_of_use(vendor: VendorModule, vendor_module: Module, token: TokenName) -> None:
    make_foreign_key(vendor_module, token, label="key")

    async def check() -> None:
        dialect = PRESETS["aws-cloudhsm"]
        async with open_manager(vendor_module, access(token, dialect=dialect), is_connected=False) as manager:
            for _ in range(3):
                call = manager.active_version("key", soon())
                assert await failure_of(call) is KeyManagerFailure.UNAVAILABLE

    asyncio.run(check())


def test_an_iv_that_the_token_leaves_as_it_was_is_thrown_away(
    vendor: VendorModule, vendor_module: Module, token: TokenName
) -> None:
    make_foreign_key(vendor_module, token, label="key")
    vendor.set(Setting.IV_MODE, IvMode.WRITTEN_BACK)
    vendor.set(Setting.IV_BYTES, 12)

    async def check() -> None:
        async with open_manager(vendor_module, access(token, dialect=PRESETS["nshield"])) as manager:
            version, _ = await seal(manager)
            vendor.set(Setting.IV_MODE, IvMode.AS_PASSED)  # after a change of the HSM's mode, say
            call = manager.encrypt(version, b"plaintext", b"aad", soon())
            assert await failure_of(call) is KeyManagerFailure.UNAVAILABLE
            vendor.set(Setting.IV_MODE, IvMode.WRITTEN_BACK)
            await seal(manager)

    asyncio.run(check())


def test_a_cloudhsm_is_not_asked_for_read_only_sessions(
    vendor: VendorModule, vendor_module: Module, token: TokenName
) -> None:
    vendor.set(Setting.READ_WRITE_ONLY, 1)
    reads: Dialect = PRESETS["standard"]

    async def check(dialect: Dialect) -> None:
        async with open_manager(vendor_module, access(token, dialect=dialect)) as manager:
            (member,) = await manager.check_health(soon())
            assert member.status.value == "ACTIVE"

    asyncio.run(check(reads._replace(needs_read_write_sessions=True)))
    with pytest.raises(AssertionError):
        asyncio.run(check(reads))
