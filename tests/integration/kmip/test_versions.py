"""Objects at PyKMIP's server as versions of a key: made by hyok, made by others, revoked, destroyed."""

from __future__ import annotations

import asyncio
import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hyok.keymanagers.errors import KeyManagerFailure, KeyRotatedError
from hyok.keymanagers.interface import KeyVersion, Sealed
from hyok.keymanagers.kmip.administrator import KmipKeyAdministrator
from hyok.keymanagers.kmip.manager import KmipKeyManager
from hyok.keymanagers.kmip.setup import KmipSetup
from tests.integration.kmip.managers import BOTH, failure, play, soon
from tests.integration.kmip.pykmip import PyKmipServer

LONG_AGO = 1_600_000_000


def sealed_under(material: bytes) -> Sealed:
    iv = os.urandom(12)
    combined = AESGCM(material).encrypt(iv, b"plaintext", b"aad")
    return Sealed(combined[:-16], iv, combined[-16:])


def registered(server: PyKmipServer, name: str, date: int) -> bytes:
    """Bring a key to the server as if at that time, and return its material."""
    material = os.urandom(32)
    server.set_initial_date(server.another_tool().register(name, material), date)
    return material


def test_keys_of_one_name_are_versions_numbered_by_when_they_were_made(
    server: PyKmipServer, setup: KmipSetup, key_id: str
) -> None:
    # Registered in another order than made.
    materials = {date: registered(server, key_id, date) for date in (LONG_AGO + 5, LONG_AGO, LONG_AGO + 1)}

    async def scenario(manager: KmipKeyManager) -> None:
        version = await manager.active_version(key_id, soon())
        assert version.number == LONG_AGO + 5
        sealed = await manager.encrypt(version, b"plaintext", b"aad", soon())
        combined = sealed.ciphertext + sealed.tag
        assert AESGCM(materials[LONG_AGO + 5]).decrypt(sealed.iv, combined, b"aad") == b"plaintext"
        for date, material in materials.items():
            old = KeyVersion(key_id, date)
            assert await manager.decrypt(old, sealed_under(material), b"aad", soon()) == b"plaintext"

    play(setup, scenario)


def test_destroying_a_version_renumbers_no_other(server: PyKmipServer, setup: KmipSetup, key_id: str) -> None:
    materials = {date: registered(server, key_id, date) for date in (LONG_AGO, LONG_AGO + 1, LONG_AGO + 2)}
    oldest, *_ = server.objects_named(key_id)
    server.another_tool().revoke(oldest)
    server.another_tool().destroy(oldest)

    async def scenario(manager: KmipKeyManager) -> None:
        for date in (LONG_AGO + 1, LONG_AGO + 2):
            version = KeyVersion(key_id, date)
            assert await manager.decrypt(version, sealed_under(materials[date]), b"aad", soon()) == b"plaintext"
        gone = manager.decrypt(KeyVersion(key_id, LONG_AGO), sealed_under(materials[LONG_AGO]), b"aad", soon())
        # Gone, and perhaps not for good; the ciphertext may be fine.
        assert (await failure(gone)).failure is KeyManagerFailure.UNAVAILABLE

    play(setup, scenario)


def test_the_first_version_of_hyok_is_unavailable_not_a_bad_ciphertext_once_it_is_gone(
    server: PyKmipServer, setup: KmipSetup, key_id: str
) -> None:
    administrator = KmipKeyAdministrator(lambda: setup)
    administrator.create_key(key_id, BOTH)
    rotated = administrator.rotate_key(key_id)
    first, _ = server.objects_named(key_id)
    server.another_tool().revoke(first)
    server.another_tool().destroy(first)

    async def scenario(manager: KmipKeyManager) -> None:
        assert (await manager.active_version(key_id, soon())).number == rotated.active_version
        error = await failure(manager.decrypt(KeyVersion(key_id, 1), sealed_under(os.urandom(32)), b"aad", soon()))
        assert error.failure is KeyManagerFailure.UNAVAILABLE

    play(setup, scenario)


def test_two_keys_of_one_name_and_one_second_cannot_be_told_apart_and_are_refused(
    server: PyKmipServer, setup: KmipSetup, key_id: str
) -> None:
    for _ in range(2):
        registered(server, key_id, LONG_AGO)

    async def scenario(manager: KmipKeyManager) -> None:
        error = await failure(manager.active_version(key_id, soon()))
        assert error.failure is KeyManagerFailure.UNAVAILABLE
        assert str(LONG_AGO) in error.detail

    play(setup, scenario)


def test_a_key_is_no_version_before_it_is_activated(server: PyKmipServer, setup: KmipSetup, key_id: str) -> None:
    registered(server, key_id, LONG_AGO)
    material = os.urandom(32)
    draft = server.another_tool().register(key_id, material, activates=False)
    server.set_initial_date(draft, LONG_AGO + 1)
    version = KeyVersion(key_id, LONG_AGO + 1)

    async def scenario(manager: KmipKeyManager) -> None:
        assert (await manager.active_version(key_id, soon())).number == LONG_AGO
        error = await failure(manager.decrypt(version, sealed_under(material), b"aad", soon()))
        assert error.failure is KeyManagerFailure.CIPHERTEXT_REJECTED
        server.another_tool().activate(draft)
        assert await manager.decrypt(version, sealed_under(material), b"aad", soon()) == b"plaintext"
        assert await manager.active_version(key_id, soon()) == version

    play(setup, scenario)


def test_a_rotation_by_another_proxy_is_noticed_at_the_first_ciphertext_of_the_new_version(
    setup: KmipSetup, key_id: str
) -> None:
    administrator = KmipKeyAdministrator(lambda: setup)
    administrator.create_key(key_id, BOTH)

    async def seal_elsewhere(manager: KmipKeyManager) -> tuple[KeyVersion, Sealed]:
        version = await manager.active_version(key_id, soon())
        return version, await manager.encrypt(version, b"plaintext", b"aad", soon())

    async def scenario(manager: KmipKeyManager) -> None:
        await manager.active_version(key_id, soon())
        await asyncio.to_thread(administrator.rotate_key, key_id)
        version, sealed = await asyncio.to_thread(play, setup, seal_elsewhere)
        assert version.number > 1
        assert await manager.decrypt(version, sealed, b"aad", soon()) == b"plaintext"

    play(setup, scenario)


@pytest.mark.parametrize("reason", ["CESSATION_OF_OPERATION", "KEY_COMPROMISE"])
def test_a_revoked_key_encrypts_no_more_from_that_moment(
    server: PyKmipServer, setup: KmipSetup, key_id: str, reason: str
) -> None:
    KmipKeyAdministrator(lambda: setup).create_key(key_id, BOTH)
    (object_id,) = server.objects_named(key_id)

    async def scenario(manager: KmipKeyManager) -> None:
        version = await manager.active_version(key_id, soon())
        sealed = await manager.encrypt(version, b"plaintext", b"aad", soon())
        server.another_tool().revoke(object_id, reason)
        for call in (
            manager.encrypt(version, b"plaintext", b"aad", soon()),
            manager.active_version(key_id, soon()),
            # Whether it still decrypts is the server's decision; PyKMIP's is no.
            manager.decrypt(version, sealed, b"aad", soon()),
        ):
            assert (await failure(call)).failure is KeyManagerFailure.KEY_DISABLED
        assert not (await manager.describe_key(key_id, soon())).is_enabled

    play(setup, scenario)


def test_an_older_version_does_not_step_in_for_a_newest_that_was_revoked(
    server: PyKmipServer, setup: KmipSetup, key_id: str
) -> None:
    administrator = KmipKeyAdministrator(lambda: setup)
    administrator.create_key(key_id, BOTH)
    rotated = administrator.rotate_key(key_id)
    _, newest = server.objects_named(key_id)

    async def scenario(manager: KmipKeyManager) -> None:
        sealed = await manager.encrypt(KeyVersion(key_id, 1), b"plaintext", b"aad", soon())
        server.another_tool().revoke(newest)
        error = await failure(manager.encrypt(KeyVersion(key_id, rotated.active_version), b"p", b"a", soon()))
        assert error.failure is KeyManagerFailure.KEY_DISABLED
        assert (await failure(manager.active_version(key_id, soon()))).failure is KeyManagerFailure.KEY_DISABLED
        assert await manager.decrypt(KeyVersion(key_id, 1), sealed, b"aad", soon()) == b"plaintext"

    play(setup, scenario)


def test_a_caller_that_holds_a_version_revoked_meanwhile_is_told_to_ask_again(
    server: PyKmipServer, setup: KmipSetup, key_id: str
) -> None:
    administrator = KmipKeyAdministrator(lambda: setup)
    administrator.create_key(key_id, BOTH)

    async def scenario(manager: KmipKeyManager) -> None:
        version = await manager.active_version(key_id, soon())
        rotated = await asyncio.to_thread(administrator.rotate_key, key_id)
        server.another_tool().revoke(server.objects_named(key_id)[0])
        error = await failure(manager.encrypt(version, b"plaintext", b"aad", soon()))
        assert isinstance(error, KeyRotatedError)
        assert (await manager.active_version(key_id, soon())).number == rotated.active_version

    play(setup, scenario)
