"""The key manager on real SoftHSM tokens."""

from __future__ import annotations

import asyncio
import time

import pytest

from hyok.errors import OperatorError
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import HealthStatus, KeyUsage, KeyVersion, Sealed
from hyok.keymanagers.pkcs11 import finder
from hyok.keymanagers.pkcs11 import manager as manager_module
from hyok.keymanagers.pkcs11.constants import AttributeType
from hyok.keymanagers.pkcs11.copies import COPY_SECONDS
from hyok.keymanagers.pkcs11.dialects import PRESETS
from hyok.keymanagers.pkcs11.library import encode_bool, encode_ulong
from hyok.keymanagers.pkcs11.manager import Pkcs11KeyManager
from hyok.keymanagers.pkcs11.modules import Module
from hyok.keymanagers.pkcs11.slots import TokenName, TokenNameKind, find_token
from tests.integration.pkcs11.managers import eventually, failure_of, open_manager, seal, soon
from tests.integration.pkcs11.softhsm import SoftHsm, access, change_keys, destroy_keys, logged_in, make_foreign_key


def test_it_says_who_made_the_token(module: Module, token: TokenName) -> None:
    async def check() -> None:
        async with open_manager(module, access(token)) as manager:
            assert manager.vendor == "SoftHSM project"
            (member,) = await manager.check_health(soon())
            assert member == ("prod", "SoftHSM v2", HealthStatus.ACTIVE)

    asyncio.run(check())


def test_keys_of_others_are_version_1_whatever_their_id(module: Module, token: TokenName) -> None:
    make_foreign_key(module, token, label="key", key_id=b"\x00\x00\x00\x07")
    make_foreign_key(module, token, label="no id")

    async def check() -> None:
        async with open_manager(module, access(token)) as manager:
            for key_id in ("key", "no id", "id:00000007"):
                version, sealed = await seal(manager, key_id=key_id)
                assert version == KeyVersion(key_id, 1)
                assert await manager.decrypt(version, sealed, b"aad", soon()) == b"plaintext"
            _, sealed = await seal(manager, key_id="key")
            assert await manager.decrypt(KeyVersion("id:00000007", 1), sealed, b"aad", soon()) == b"plaintext"

    asyncio.run(check())


def test_an_unknown_key_is_refused_with_the_labels_that_are_there(module: Module, token: TokenName) -> None:
    make_foreign_key(module, token, label="prod-2024")
    make_foreign_key(module, token, label="", key_id=b"\x0a\x1b")

    async def check() -> None:
        async with open_manager(module, access(token)) as manager:
            with pytest.raises(KeyManagerError) as caught:
                await manager.describe_key("prod-2O24", soon())
            assert str(caught.value) == (
                "key not found: no secret key 'prod-2O24' on token 'prod'; the AES-256 keys there are: "
                "'id:0a1b', 'prod-2024'"
            )
            assert await failure_of(manager.describe_key("id:xyz", soon())) is KeyManagerFailure.KEY_NOT_FOUND

    asyncio.run(check())


def test_a_key_that_is_made_while_the_manager_runs_is_found(module: Module, token: TokenName) -> None:
    async def check() -> None:
        async with open_manager(module, access(token)) as manager:
            assert await failure_of(manager.active_version("key", soon())) is KeyManagerFailure.KEY_NOT_FOUND
            await asyncio.to_thread(make_foreign_key, module, token, label="key")

            async def is_there() -> bool:
                try:
                    await manager.active_version("key", soon())
                except KeyManagerError:
                    return False
                return True

            await eventually(is_there, seconds=2)

    asyncio.run(check())


def test_two_keys_of_others_with_one_label_are_not_told_apart(module: Module, token: TokenName) -> None:
    make_foreign_key(module, token, label="key", key_id=b"\x01")
    make_foreign_key(module, token, label="key", key_id=b"\x02")

    async def check() -> None:
        async with open_manager(module, access(token)) as manager:
            with pytest.raises(KeyManagerError, match=r"several keys on the token are version 1 of 'key'.*id:CKA_ID"):
                await manager.active_version("key", soon())
            version, sealed = await seal(manager, key_id="id:02")
            assert await manager.decrypt(version, sealed, b"aad", soon()) == b"plaintext"

    asyncio.run(check())


def test_a_key_of_another_kind_is_described_and_not_used(module: Module, token: TokenName) -> None:
    make_foreign_key(module, token, label="key", attributes={AttributeType.CKA_VALUE_LEN: encode_ulong(16)})

    async def check() -> None:
        async with open_manager(module, access(token)) as manager:
            assert (await manager.describe_key("key", soon())).key_spec == "AES_128"
            assert await failure_of(manager.active_version("key", soon())) is KeyManagerFailure.UNSUPPORTED

    asyncio.run(check())


@pytest.mark.parametrize("usage", list(KeyUsage))
def test_a_key_for_one_use_is_refused_the_other(module: Module, token: TokenName, usage: KeyUsage) -> None:
    flag = AttributeType.CKA_DECRYPT if usage is KeyUsage.ENCRYPT else AttributeType.CKA_ENCRYPT
    make_foreign_key(module, token, label="both")
    make_foreign_key(module, token, label="key", attributes={flag: encode_bool(False)})

    async def check() -> None:
        async with open_manager(module, access(token)) as manager:
            assert (await manager.describe_key("key", soon())).usages == {usage}
            _, sealed = await seal(manager, key_id="both")
            version = KeyVersion("key", 1)
            if usage is KeyUsage.ENCRYPT:
                assert await failure_of(manager.decrypt(version, sealed, b"aad", soon())) in _NOT_PERMITTED
            else:
                assert await failure_of(manager.active_version("key", soon())) in _NOT_PERMITTED
                assert await failure_of(manager.encrypt(version, b"x", b"", soon())) in _NOT_PERMITTED

    asyncio.run(check())


_NOT_PERMITTED = {KeyManagerFailure.USAGE_NOT_PERMITTED}


OFF: dict[int, bytes] = {AttributeType.CKA_ENCRYPT: encode_bool(False), AttributeType.CKA_DECRYPT: encode_bool(False)}
ON: dict[int, bytes] = {AttributeType.CKA_ENCRYPT: encode_bool(True), AttributeType.CKA_DECRYPT: encode_bool(True)}


def test_disabling_takes_effect_at_the_next_call_although_the_key_is_remembered(
    module: Module, token: TokenName
) -> None:
    make_foreign_key(module, token, label="key")

    async def check() -> None:
        async with open_manager(module, access(token, dialect=PRESETS["standard"])) as manager:
            version, sealed = await seal(manager)
            await asyncio.to_thread(change_keys, module, token, label="key", attributes=OFF)
            calls = (manager.encrypt(version, b"x", b"", soon()), manager.decrypt(version, sealed, b"aad", soon()))
            assert [await failure_of(call) for call in calls] == [KeyManagerFailure.KEY_DISABLED] * 2
            assert await failure_of(manager.active_version("key", soon())) is KeyManagerFailure.KEY_DISABLED
            await asyncio.to_thread(change_keys, module, token, label="key", attributes=ON)
            await eventually(lambda: opens(manager, version, sealed), seconds=2)

    asyncio.run(check())


def test_a_copy_of_a_key_is_used_no_longer_than_half_a_second_after_the_key_was_disabled(
    module: Module, token: TokenName
) -> None:
    make_foreign_key(module, token, label="key")

    async def check() -> None:
        async with open_manager(module, access(token, dialect=PRESETS["softhsm"])) as manager:
            version, sealed = await seal(manager)
            for _ in range(2):  # each time a copy replaces another
                await asyncio.to_thread(change_keys, module, token, label="key", attributes=OFF)
                await asyncio.sleep(COPY_SECONDS)
                refused = manager.decrypt(version, sealed, b"aad", soon())
                assert await failure_of(refused) is KeyManagerFailure.KEY_DISABLED
                await asyncio.to_thread(change_keys, module, token, label="key", attributes=ON)
                await eventually(lambda: opens(manager, version, sealed), seconds=2)

    asyncio.run(check())


async def opens(manager: Pkcs11KeyManager, version: KeyVersion, sealed: Sealed) -> bool:
    try:
        return await manager.decrypt(version, sealed, b"aad", soon()) == b"plaintext"
    except KeyManagerError:
        return False


def test_a_destroyed_key_is_unavailable_before_it_is_not_found(
    module: Module, token: TokenName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finder, "LOSS_SECONDS", 0.5)
    make_foreign_key(module, token, label="key")
    make_foreign_key(module, token, label="other")

    async def check() -> None:
        async with open_manager(module, access(token)) as manager:
            version, sealed = await seal(manager)
            await asyncio.to_thread(destroy_keys, module, token, label="key")
            began = time.monotonic()
            assert await failure_of(manager.decrypt(version, sealed, b"aad", soon())) is KeyManagerFailure.UNAVAILABLE

            async def is_not_found() -> bool:
                failure = await failure_of(manager.decrypt(version, sealed, b"aad", soon()))
                return failure is KeyManagerFailure.KEY_NOT_FOUND

            await eventually(is_not_found, seconds=3)
            assert time.monotonic() - began > 0.4
            await seal(manager, key_id="other")  # all the while the others are served

    asyncio.run(check())


def test_a_rotation_elsewhere_is_noticed(module: Module, token: TokenName, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager_module, "REFRESH_SECONDS", 0.1)
    monkeypatch.setattr(manager_module, "REFUSAL_SECONDS", 0.0)
    make_foreign_key(module, token, label="key")
    second = b"hyok" + (2).to_bytes(4, "big") + b"\x03" + bytes(4)

    async def check() -> None:
        async with open_manager(module, access(token)) as manager, open_manager(module, access(token)) as other:
            first, old = await seal(manager)
            await seal(other)
            await asyncio.to_thread(make_foreign_key, module, token, label="key", key_id=second)

            async def is_rotated() -> bool:
                return (await manager.active_version("key", soon())).number == 2

            await eventually(is_rotated, seconds=2)
            version, new = await seal(manager)
            assert await manager.decrypt(first, old, b"aad", soon()) == b"plaintext"
            # One that has not noticed yet looks for a version that it does not know.
            assert await other.decrypt(version, new, b"aad", soon()) == b"plaintext"
            unknown = other.decrypt(KeyVersion("key", 3), new, b"aad", soon())
            assert await failure_of(unknown) is KeyManagerFailure.CIPHERTEXT_REJECTED

    asyncio.run(check())


def test_a_16_byte_iv_serves_as_well(module: Module, token: TokenName) -> None:
    make_foreign_key(module, token, label="key")

    async def check() -> None:
        dialect = PRESETS["softhsm"]._replace(iv_bytes=16)
        async with (
            open_manager(module, access(token, dialect=dialect)) as manager,
            open_manager(module, access(token)) as other,
        ):
            version, sealed = await seal(manager)
            assert len(sealed.iv) == 16
            assert await other.decrypt(version, sealed, b"aad", soon()) == b"plaintext"
            short = await seal(other)
            assert len(short[1].iv) == 12
            assert await manager.decrypt(*short, b"aad", soon()) == b"plaintext"

    asyncio.run(check())


def test_the_token_is_found_by_label_serial_and_slot(hsm: SoftHsm, module: Module, token: TokenName) -> None:
    hsm.make_token("other")
    make_foreign_key(module, token, label="key")
    with logged_in(module, token) as (library, _):
        found = find_token(library, token)
    names = (
        token,
        TokenName(TokenNameKind.SERIAL, found.info.serial),
        TokenName(TokenNameKind.SLOT, str(found.slot)),
    )

    async def check() -> None:
        for name in names:
            async with open_manager(module, access(name)) as manager:
                await seal(manager)

    asyncio.run(check())


def test_an_unknown_token_is_refused_at_start_with_those_that_are_there(
    hsm: SoftHsm, module: Module, token: TokenName
) -> None:
    hsm.make_token("other")

    async def check() -> None:
        async with open_manager(module, access(TokenName(TokenNameKind.LABEL, "prd"))):
            pass

    with pytest.raises(
        OperatorError,
        match=r"has no token with label 'prd'; it has label '(prod|other)' serial '\w+' in slot \d+, label",
    ):
        asyncio.run(check())


def test_two_tokens_of_one_label_are_told_apart_by_serial(hsm: SoftHsm, module: Module, token: TokenName) -> None:
    hsm.make_token("prod")

    async def check() -> None:
        async with open_manager(module, access(token)):
            pass

    with pytest.raises(OperatorError, match=r"has 2 tokens with label 'prod', in the slots \d+, \d+; name the token"):
        asyncio.run(check())


def test_closing_lets_go_of_the_library(module: Module, token: TokenName) -> None:
    make_foreign_key(module, token, label="key")

    async def check() -> None:
        async with open_manager(module, access(token)) as manager:
            version, _ = await seal(manager)
            await manager.aclose()
            closed = manager.encrypt(version, b"", b"", soon())
            assert await failure_of(closed) is KeyManagerFailure.UNAVAILABLE

    for _ in range(2):  # it can be initialised again
        asyncio.run(check())
