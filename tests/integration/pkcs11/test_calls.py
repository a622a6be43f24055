"""How many calls an operation makes, what hangs, and when there are too many."""

from __future__ import annotations

import asyncio
import time

from msgspec import structs

from hyok.clock import deadline_in
from hyok.keymanagers.errors import KeyManagerFailure
from hyok.keymanagers.interface import HealthStatus
from hyok.keymanagers.pkcs11.modules import Module
from hyok.keymanagers.pkcs11.slots import TokenName
from tests.integration.pkcs11.managers import eventually, failure_of, open_manager, seal, soon
from tests.integration.pkcs11.softhsm import access, make_foreign_key
from tests.integration.pkcs11.vendor_module import Function, Setting, VendorModule


def test_an_operation_is_two_calls_and_a_wrong_tag_no_more(
    vendor: VendorModule, vendor_module: Module, token: TokenName
) -> None:
    make_foreign_key(vendor_module, token, label="key")

    async def check() -> None:
        async with open_manager(vendor_module, access(token), sessions=1) as manager:
            version, sealed = await seal(manager)
            before = vendor.counts()
            for _ in range(10):
                await manager.active_version("key", soon())
                await manager.encrypt(version, b"plaintext", b"aad", soon())
                await manager.decrypt(version, sealed, b"aad", soon())
                refused = manager.decrypt(version, structs.replace(sealed, tag=bytes(16)), b"aad", soon())
                assert await failure_of(refused) is KeyManagerFailure.CIPHERTEXT_REJECTED
            made = {function: count - before[function] for function, count in vendor.counts().items()}
            assert {function: count for function, count in made.items() if count} == {
                Function.ENCRYPT_INIT: 10,
                Function.ENCRYPT: 10,
                Function.DECRYPT_INIT: 20,
                Function.DECRYPT: 20,
            }

    asyncio.run(check())


def test_a_session_is_opened_for_each_call_at_one_time_and_no_more(
    vendor: VendorModule, vendor_module: Module, token: TokenName
) -> None:
    make_foreign_key(vendor_module, token, label="key")

    async def check() -> None:
        async with open_manager(vendor_module, access(token), sessions=4) as manager:
            version, _ = await seal(manager)
            before = vendor.count(Function.OPEN_SESSION)
            for _ in range(20):
                await manager.encrypt(version, b"plaintext", b"aad", soon())
            assert vendor.count(Function.OPEN_SESSION) == before
            vendor.set(Setting.ENCRYPT_DELAY_US, 5000)
            await asyncio.gather(*(manager.encrypt(version, b"plaintext", b"aad", soon()) for _ in range(40)))
            assert vendor.count(Function.OPEN_SESSION) == before + 3
            assert manager.counts().threads == 4

    asyncio.run(check())
    assert vendor.count(Function.CLOSE_SESSION) == vendor.count(Function.OPEN_SESSION)
    assert vendor.count(Function.FINALIZE) == vendor.count(Function.INITIALIZE)


def test_a_call_that_hangs_frees_its_caller_at_the_deadline_and_is_counted(
    vendor: VendorModule, vendor_module: Module, token: TokenName
) -> None:
    make_foreign_key(vendor_module, token, label="key")

    async def check() -> None:
        async with open_manager(vendor_module, access(token), sessions=2) as manager:
            version, sealed = await seal(manager)
            vendor.set(Setting.HANG, 1)
            began = time.monotonic()
            call = manager.encrypt(version, b"plaintext", b"aad", deadline_in(0.1))
            assert await failure_of(call) is KeyManagerFailure.TIMED_OUT
            assert 0.09 < time.monotonic() - began < 0.3
            assert manager.counts().abandoned == 1
            # A cancelled caller leaves its call behind as well.
            cancelled = asyncio.ensure_future(manager.decrypt(version, sealed, b"aad", soon()))
            await asyncio.sleep(0.05)
            cancelled.cancel()
            await asyncio.sleep(0.01)
            assert manager.counts().abandoned == 2
            # Each still has its session, so nobody else is served, and health says so in time.
            (member,) = await manager.check_health(deadline_in(0.1))
            assert member.status is HealthStatus.UNAVAILABLE
            vendor.set(Setting.HANG, 0)

            async def is_over() -> bool:
                return manager.counts().abandoned == 0

            await eventually(is_over, seconds=2)
            assert await manager.decrypt(version, sealed, b"aad", soon()) == b"plaintext"
            assert manager.counts().late == 3
            (member,) = await manager.check_health(soon())
            assert member.status is HealthStatus.ACTIVE

    asyncio.run(check())


def test_a_manager_with_a_hanging_call_is_degraded(
    vendor: VendorModule, vendor_module: Module, token: TokenName
) -> None:
    make_foreign_key(vendor_module, token, label="key")

    async def check() -> None:
        async with open_manager(vendor_module, access(token), sessions=2) as manager:
            version, _ = await seal(manager)
            vendor.set(Setting.HANG, 1)
            call = asyncio.ensure_future(failure_of(manager.encrypt(version, b"x", b"", deadline_in(0.05))))
            await asyncio.sleep(0.02)
            vendor.set(Setting.HANG_ONLY_SO_FAR, 1)  # those that hang go on to, new ones do not
            assert await call is KeyManagerFailure.TIMED_OUT
            (member,) = await manager.check_health(soon())
            assert member.status is HealthStatus.DEGRADED
            vendor.set(Setting.HANG, 0)

    asyncio.run(check())


def test_a_full_queue_is_overloaded_at_once(vendor: VendorModule, vendor_module: Module, token: TokenName) -> None:
    make_foreign_key(vendor_module, token, label="key")

    async def check() -> None:
        async with open_manager(vendor_module, access(token), sessions=2, queue_length=3) as manager:
            version, _ = await seal(manager)
            vendor.set(Setting.ENCRYPT_DELAY_US, 100_000)
            calls = [asyncio.ensure_future(manager.encrypt(version, b"x", b"", soon())) for _ in range(5)]
            await asyncio.sleep(0.02)
            began = time.monotonic()
            one_more = manager.encrypt(version, b"x", b"", soon())
            assert await failure_of(one_more) is KeyManagerFailure.OVERLOADED
            assert time.monotonic() - began < 0.05
            assert manager.counts().overloaded == 1
            await asyncio.gather(*calls)
            await manager.encrypt(version, b"x", b"", soon())

    asyncio.run(check())


def test_a_wrong_tag_costs_little_more_than_a_good_one(
    vendor: VendorModule, vendor_module: Module, token: TokenName
) -> None:
    make_foreign_key(vendor_module, token, label="key")

    async def check() -> None:
        async with open_manager(vendor_module, access(token), sessions=4) as manager:
            version, sealed = await seal(manager)
            wrong = structs.replace(sealed, tag=bytes(16))
            for setting in (Setting.ENCRYPT_DELAY_US, Setting.DECRYPT_DELAY_US):
                vendor.set(setting, 1000)  # what a call costs then drowns what this machine is busy with
            good, bad = [], []
            for _ in range(100):
                began = time.monotonic()
                await manager.decrypt(version, sealed, b"aad", soon())
                good.append(time.monotonic() - began)
            for _ in range(100):
                began = time.monotonic()
                assert await failure_of(manager.decrypt(version, wrong, b"aad", soon())) in _REJECTED
                bad.append(time.monotonic() - began)
            assert sum(bad) < 1.5 * sum(good)

    asyncio.run(check())


_REJECTED = {KeyManagerFailure.CIPHERTEXT_REJECTED}


def test_slow_calls_run_side_by_side(vendor: VendorModule, vendor_module: Module, token: TokenName) -> None:
    make_foreign_key(vendor_module, token, label="key")

    async def check() -> None:
        async with open_manager(vendor_module, access(token), sessions=32, queue_length=200) as manager:
            version, _ = await seal(manager)
            vendor.set(Setting.ENCRYPT_DELAY_US, 20_000)
            began = time.monotonic()
            await asyncio.gather(*(manager.encrypt(version, b"x", b"", soon()) for _ in range(64)))
            assert time.monotonic() - began < 0.5  # two rounds of 20 ms; one after the other would take 1.3 s

    asyncio.run(check())
