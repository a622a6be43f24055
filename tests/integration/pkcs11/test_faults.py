"""Tokens that get lost, PINs that are wrong, codes that may mean anything."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest
from msgspec import structs

from hyok.clock import deadline_in
from hyok.errors import OperatorError
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import HealthStatus
from hyok.keymanagers.pkcs11 import modules as modules_module
from hyok.keymanagers.pkcs11.constants import CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED, ReturnCode
from hyok.keymanagers.pkcs11.copies import COPY_SECONDS
from hyok.keymanagers.pkcs11.guard import DOUBTS_ALLOWED
from hyok.keymanagers.pkcs11.manager import Pkcs11KeyManager
from hyok.keymanagers.pkcs11.modules import Module
from hyok.keymanagers.pkcs11.slots import TokenName
from tests.integration.pkcs11.managers import eventually, failure_of, open_manager, seal, soon
from tests.integration.pkcs11.softhsm import SoftHsm, access, make_foreign_key
from tests.integration.pkcs11.vendor_module import Function, Setting, VendorModule


async def is_well(manager: Pkcs11KeyManager) -> bool:
    try:
        version, sealed = await seal(manager)
        return await manager.decrypt(version, sealed, b"aad", soon()) == b"plaintext"
    except KeyManagerError:
        return False


async def is_lost(manager: Pkcs11KeyManager) -> bool:
    return not await is_well(manager)


def test_a_token_lost_under_load_is_unavailable_and_recovers_by_itself(
    hsm: SoftHsm, module: Module, token: TokenName
) -> None:
    make_foreign_key(module, token, label="key")
    outcomes: Counter[str] = Counter()
    stopped = asyncio.Event()

    async def load(manager: Pkcs11KeyManager, phase: list[str]) -> None:
        version, sealed = await seal(manager)
        number = 0
        while not stopped.is_set():
            number += 1
            plaintext = b"%d" % number
            began_in = phase[0]
            try:
                mine = await manager.encrypt(version, plaintext, b"aad", deadline_in(0.25))
                assert await manager.decrypt(version, mine, b"aad", deadline_in(0.25)) == plaintext
                assert await manager.decrypt(version, sealed, b"aad", deadline_in(0.25)) == b"plaintext"
                outcome = "right"
            except KeyManagerError as error:
                outcome = error.failure.value
            if began_in == phase[0]:
                outcomes[f"{phase[0]}: {outcome}"] += 1
            await asyncio.sleep(0.001)

    async def check() -> None:
        async with open_manager(module, access(token)) as manager:
            phase = ["before"]
            calls = [asyncio.ensure_future(load(manager, phase)) for _ in range(16)]
            await asyncio.sleep(0.3)
            phase[0] = "going"
            hsm.take_away()
            await asyncio.sleep(COPY_SECONDS + 0.2)
            phase[0] = "away"
            (member,) = await manager.check_health(soon())
            assert member == ("prod", "SoftHSM v2", HealthStatus.UNAVAILABLE)
            await asyncio.sleep(1)
            phase[0] = "coming"
            hsm.bring_back()
            began = time.monotonic()
            await eventually(lambda: is_well(manager), seconds=5)
            assert time.monotonic() - began < 5
            phase[0] = "back"
            await asyncio.sleep(0.3)
            stopped.set()
            await asyncio.gather(*calls)
            (member,) = await manager.check_health(soon())
            assert member.status is HealthStatus.ACTIVE

    asyncio.run(check())
    assert outcomes["before: right"] > 50
    assert outcomes["back: right"] > 50
    assert outcomes["away: unavailable"] > 50
    allowed = {"before: right", "back: right", "away: unavailable", "going: right", "going: unavailable"}
    # A call may wait for the thread that opens the token again, and that for longer than it can.
    assert set(outcomes) <= allowed | {"coming: right", "coming: unavailable", "coming: timed out", "away: timed out"}


def test_a_token_that_is_lost_does_not_take_another_with_it(hsm: SoftHsm, module: Module, token: TokenName) -> None:
    other = hsm.make_token("other")
    make_foreign_key(module, token, label="key")
    make_foreign_key(module, other, label="key")
    path = hsm.directory_of("prod")

    async def check() -> None:
        async with (
            open_manager(module, access(token)) as lost,
            open_manager(module, access(other)) as kept,
        ):
            version, sealed = await seal(kept)
            await seal(lost)
            away = path.rename(hsm.tokens.parent / "away")
            await eventually(lambda: is_lost(lost), seconds=2)
            until = time.monotonic() + 1
            while time.monotonic() < until:
                assert await is_lost(lost)
                # Its sessions are pulled away by the other's attempts to recover, and made anew without a word.
                assert await kept.decrypt(version, sealed, b"aad", soon()) == b"plaintext"
                await asyncio.sleep(0.01)
            away.rename(path)
            await eventually(lambda: is_well(lost), seconds=5)
            assert await kept.decrypt(version, sealed, b"aad", soon()) == b"plaintext"

    asyncio.run(check())


def test_a_proxy_starts_without_its_token_and_finds_it_later(hsm: SoftHsm, module: Module, token: TokenName) -> None:
    make_foreign_key(module, token, label="key")
    hsm.take_away()

    async def check() -> None:
        async with open_manager(module, access(token)) as manager:
            assert await failure_of(manager.active_version("key", soon())) is KeyManagerFailure.UNAVAILABLE
            (member,) = await manager.check_health(soon())
            assert member == ("hsm", "PKCS#11", HealthStatus.UNAVAILABLE)
            hsm.bring_back()
            await eventually(lambda: is_well(manager), seconds=5)

    asyncio.run(check())


def test_a_library_that_cannot_be_initialised_is_tried_again(
    vendor: VendorModule, vendor_module: Module, token: TokenName
) -> None:
    make_foreign_key(vendor_module, token, label="key")
    vendor.set(Setting.FAIL_CODE, ReturnCode.CKR_DEVICE_ERROR)

    async def check() -> None:
        async with open_manager(vendor_module, access(token)) as manager:
            assert await failure_of(manager.active_version("key", soon())) is KeyManagerFailure.UNAVAILABLE
            vendor.set(Setting.FAIL_CODE, 0)
            await eventually(lambda: is_well(manager), seconds=5)

    asyncio.run(check())


def test_a_wrong_pin_is_tried_once(vendor: VendorModule, vendor_module: Module, token: TokenName) -> None:
    async def check() -> None:
        async with open_manager(vendor_module, access(token, pin=b"4321"), is_connected=False) as manager:
            with pytest.raises(
                OperatorError,
                match="key manager hsm: the token 'prod' refused the PIN: C_Login returned CKR_PIN_INCORRECT",
            ):
                manager.connect()
            for _ in range(5):
                assert await failure_of(manager.describe_key("key", soon())) is KeyManagerFailure.UNAVAILABLE

    asyncio.run(check())
    assert vendor.count(Function.LOGIN) == 1


@pytest.mark.parametrize("pin", [b"1234\n", b"1234\r\n"])
def test_a_pin_may_end_in_a_line_feed_as_a_file_does(module: Module, token: TokenName, pin: bytes) -> None:
    async def check() -> None:
        async with open_manager(module, access(token, pin=pin)):
            pass

    asyncio.run(check())


@pytest.mark.parametrize(
    ("flags", "pin", "message"),
    [
        (CKF_USER_PIN_LOCKED, b"1234", "the PIN of token 'prod' is locked"),
        (CKF_USER_PIN_FINAL_TRY, b"1234", "one more wrong PIN would lock token 'prod', so none is tried"),
        (0, None, "the token 'prod' wants a PIN; set `pin`"),
    ],
)
def test_no_pin_is_tried_where_that_could_do_harm_or_no_good(
    vendor: VendorModule, vendor_module: Module, token: TokenName, flags: int, pin: bytes | None, message: str
) -> None:
    vendor.set(Setting.TOKEN_FLAGS, flags)

    async def check() -> None:
        async with open_manager(vendor_module, access(token, pin=pin)):
            pass

    with pytest.raises(OperatorError, match=message):
        asyncio.run(check())
    assert vendor.count(Function.LOGIN) == 0


@pytest.mark.parametrize(
    "code",
    [
        0,  # SoftHSM's own for a wrong tag: CKR_GENERAL_ERROR
        ReturnCode.CKR_ENCRYPTED_DATA_INVALID,
        ReturnCode.CKR_AEAD_DECRYPT_FAILED,
        ReturnCode.CKR_SIGNATURE_INVALID,
        ReturnCode.CKR_FUNCTION_FAILED,
        ReturnCode.CKR_DEVICE_ERROR,
        0x80000042,
    ],
)
def test_a_wrong_tag_is_rejected_whatever_code_the_maker_has_for_it(
    vendor: VendorModule, vendor_module: Module, token: TokenName, code: int
) -> None:
    make_foreign_key(vendor_module, token, label="key")
    vendor.set(Setting.WRONG_TAG_CODE, code)

    async def check() -> None:
        async with open_manager(vendor_module, access(token)) as manager:
            version, sealed = await seal(manager)
            wrong = structs.replace(sealed, tag=bytes(16))
            for _ in range(3 * DOUBTS_ALLOWED):
                refused = manager.decrypt(version, wrong, b"aad", soon())
                assert await failure_of(refused) is KeyManagerFailure.CIPHERTEXT_REJECTED
            assert await manager.decrypt(version, sealed, b"aad", soon()) == b"plaintext"
            assert vendor.count(Function.INITIALIZE) == 2  # one for the key, one for this: nothing was recovered

    asyncio.run(check())


@pytest.mark.parametrize("code", [ReturnCode.CKR_GENERAL_ERROR, ReturnCode.CKR_FUNCTION_FAILED, 0x80000042])
def test_a_broken_token_is_not_taken_for_a_wrong_tag(
    vendor: VendorModule, vendor_module: Module, token: TokenName, code: int
) -> None:
    make_foreign_key(vendor_module, token, label="key")

    async def check() -> None:
        async with open_manager(vendor_module, access(token), sessions=1) as manager:
            version, sealed = await seal(manager)
            vendor.set(Setting.FAIL_FUNCTION, Function.DECRYPT)
            vendor.set(Setting.FAIL_CODE, code)
            failures = Counter([await failure_of(manager.decrypt(version, sealed, b"aad", soon())) for _ in range(40)])
            # Once it was well a moment ago it is believed so for a few calls, no more.
            assert failures[KeyManagerFailure.CIPHERTEXT_REJECTED] <= DOUBTS_ALLOWED
            assert failures[KeyManagerFailure.UNAVAILABLE] == 40 - failures[KeyManagerFailure.CIPHERTEXT_REJECTED]
            vendor.set(Setting.FAIL_CODE, 0)
            await eventually(lambda: is_well(manager), seconds=5)

    asyncio.run(check())


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (ReturnCode.CKR_DATA_LEN_RANGE, KeyManagerFailure.UNSUPPORTED),
        (ReturnCode.CKR_DEVICE_MEMORY, KeyManagerFailure.OVERLOADED),
        (ReturnCode.CKR_HOST_MEMORY, KeyManagerFailure.UNAVAILABLE),
        (ReturnCode.CKR_FUNCTION_FAILED, KeyManagerFailure.UNAVAILABLE),
        (ReturnCode.CKR_KEY_FUNCTION_NOT_PERMITTED, KeyManagerFailure.USAGE_NOT_PERMITTED),
        (ReturnCode.CKR_OPERATION_ACTIVE, KeyManagerFailure.UNAVAILABLE),
        (ReturnCode.CKR_KEY_HANDLE_INVALID, KeyManagerFailure.UNAVAILABLE),
        (ReturnCode.CKR_SESSION_HANDLE_INVALID, KeyManagerFailure.UNAVAILABLE),
    ],
)
def test_a_code_becomes_the_failure_it_means(
    vendor: VendorModule, vendor_module: Module, token: TokenName, code: int, failure: KeyManagerFailure
) -> None:
    make_foreign_key(vendor_module, token, label="key")

    async def check() -> None:
        async with open_manager(vendor_module, access(token)) as manager:
            version, _ = await seal(manager)
            vendor.set(Setting.FAIL_FUNCTION, Function.ENCRYPT_INIT)
            vendor.set(Setting.FAIL_CODE, code)
            assert await failure_of(manager.encrypt(version, b"x", b"", soon())) is failure
            vendor.set(Setting.FAIL_CODE, 0)
            await eventually(lambda: is_well(manager), seconds=5)

    asyncio.run(check())


def test_a_call_that_hangs_puts_recovery_off_and_is_not_cut_off(
    vendor: VendorModule, vendor_module: Module, token: TokenName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modules_module, "DRAIN_SECONDS", 0.1)
    make_foreign_key(vendor_module, token, label="key")

    async def check() -> None:
        async with open_manager(vendor_module, access(token)) as manager:
            version, sealed = await seal(manager)
            vendor.set(Setting.HANG, 1)
            hanging = asyncio.ensure_future(failure_of(manager.decrypt(version, sealed, b"aad", deadline_in(0.1))))
            await asyncio.sleep(0.02)
            vendor.set(Setting.FAIL_FUNCTION, Function.ENCRYPT_INIT)
            vendor.set(Setting.FAIL_CODE, ReturnCode.CKR_DEVICE_REMOVED)
            assert await hanging is KeyManagerFailure.TIMED_OUT
            before = vendor.count(Function.FINALIZE)
            for _ in range(5):
                call = manager.encrypt(version, b"x", b"", soon())
                assert await failure_of(call) is KeyManagerFailure.UNAVAILABLE
                await asyncio.sleep(0.1)
            assert vendor.count(Function.FINALIZE) == before
            vendor.set(Setting.FAIL_CODE, 0)
            vendor.set(Setting.HANG, 0)
            await eventually(lambda: is_well(manager), seconds=5)

    asyncio.run(check())
