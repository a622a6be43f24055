"""The key manager against PyKMIP's server, in each version that both speak, beyond what `test_contract.py` asks."""

from __future__ import annotations

import asyncio
import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import structs

from hyok.keymanagers.errors import KeyManagerFailure
from hyok.keymanagers.interface import HealthStatus, KeyDescription, KeyUsage, KeyVersion, Sealed
from hyok.keymanagers.kmip.administrator import KmipKeyAdministrator
from hyok.keymanagers.kmip.manager import KmipKeyManager
from hyok.keymanagers.kmip.setup import IvSource, KmipSetup
from tests.integration.kmip.managers import BOTH, failure, managing, play, soon
from tests.integration.kmip.pykmip import PyKmipServer


@pytest.fixture
def key(setup: KmipSetup, key_id: str) -> KeyVersion:
    managed = KmipKeyAdministrator(lambda: setup).create_key(key_id, BOTH)
    return KeyVersion(key_id, managed.active_version)


@pytest.mark.parametrize("source", IvSource)
def test_it_is_aes_gcm_under_the_keys_own_material(
    server: PyKmipServer, setup: KmipSetup, key_id: str, source: IvSource
) -> None:
    material = os.urandom(32)
    server.another_tool().register(key_id, material)

    async def scenario(manager: KmipKeyManager) -> None:
        version = await manager.active_version(key_id, soon())
        sealed = await manager.encrypt(version, b"plaintext", b"additional data", soon())
        combined = sealed.ciphertext + sealed.tag
        assert AESGCM(material).decrypt(sealed.iv, combined, b"additional data") == b"plaintext"
        made = AESGCM(material).encrypt(b"sixteen bytes IV", b"made elsewhere", b"aad")
        foreign = Sealed(made[:-16], b"sixteen bytes IV", made[-16:])
        assert await manager.decrypt(version, foreign, b"aad", soon()) == b"made elsewhere"

    play(setup._replace(iv_source=source), scenario)


def test_no_iv_of_the_server_comes_twice(setup: KmipSetup, key: KeyVersion) -> None:
    async def scenario(manager: KmipKeyManager) -> None:
        sealed = [await manager.encrypt(key, b"same", b"same", soon()) for _ in range(20)]
        assert len({each.iv for each in sealed}) == 20

    play(setup._replace(iv_source=IvSource.SERVER), scenario)


@pytest.mark.parametrize("bytes_moved", [4, 8])
def test_a_tag_cut_short_is_rejected_though_the_server_would_take_it(
    setup: KmipSetup, key: KeyVersion, bytes_moved: int
) -> None:
    async def scenario(manager: KmipKeyManager) -> None:
        sealed = await manager.encrypt(key, b"plaintext", b"aad", soon())
        cut = structs.replace(sealed, tag=sealed.tag[:-bytes_moved])
        error = await failure(manager.decrypt(key, cut, b"aad", soon()))
        assert error.failure is KeyManagerFailure.CIPHERTEXT_REJECTED

    play(setup, scenario)


def test_a_wrong_ciphertext_as_the_very_first_call_is_rejected_too(setup: KmipSetup, key: KeyVersion) -> None:
    """Nothing was decrypted yet that would show that the server is in order: it is tried."""

    async def scenario(manager: KmipKeyManager) -> None:
        error = await failure(manager.decrypt(key, Sealed(b"c" * 8, b"i" * 12, b"t" * 16), b"aad", soon()))
        assert error.failure is KeyManagerFailure.CIPHERTEXT_REJECTED

    play(setup, scenario)


def test_a_key_that_is_not_there_is_not_found(setup: KmipSetup) -> None:
    async def scenario(manager: KmipKeyManager) -> None:
        for call in (
            manager.describe_key("nobody", soon()),
            manager.active_version("nobody", soon()),
            manager.encrypt(KeyVersion("nobody", 1), b"p", b"a", soon()),
            manager.decrypt(KeyVersion("nobody", 1), Sealed(b"c", b"i" * 12, b"t" * 16), b"a", soon()),
        ):
            assert (await failure(call)).failure is KeyManagerFailure.KEY_NOT_FOUND

    play(setup, scenario)


def test_a_version_that_never_was_is_rejected(setup: KmipSetup, key: KeyVersion) -> None:
    async def scenario(manager: KmipKeyManager) -> None:
        sealed = await manager.encrypt(key, b"plaintext", b"aad", soon())
        for number in (2, 7, 1_500_000_000, 2**32 - 1):
            error = await failure(manager.decrypt(key._replace(number=number), sealed, b"aad", soon()))
            assert error.failure is KeyManagerFailure.CIPHERTEXT_REJECTED

    play(setup, scenario)


def test_keys_are_described(server: PyKmipServer, setup: KmipSetup, key_id: str) -> None:
    tool = server.another_tool()
    for suffix, material, usages in (("both", 32, "ENCRYPT DECRYPT"), ("one", 32, "DECRYPT"), ("short", 16, "ENCRYPT")):
        tool.register(f"{key_id}-{suffix}", os.urandom(material), usages=usages)

    async def scenario(manager: KmipKeyManager) -> None:
        described = [await manager.describe_key(f"{key_id}-{suffix}", soon()) for suffix in ("both", "one", "short")]
        assert described == [
            KeyDescription("AES_256", frozenset(KeyUsage), is_enabled=True),
            KeyDescription("AES_256", frozenset({KeyUsage.DECRYPT}), is_enabled=True),
            KeyDescription("AES_128", frozenset({KeyUsage.ENCRYPT}), is_enabled=True),
        ]

    play(setup, scenario)


def test_usages_and_kinds_that_do_not_fit_are_refused(server: PyKmipServer, setup: KmipSetup, key_id: str) -> None:
    tool = server.another_tool()
    tool.register(f"{key_id}-d", os.urandom(32), usages="DECRYPT")
    tool.register(f"{key_id}-e", os.urandom(32), usages="ENCRYPT")
    tool.register(f"{key_id}-s", os.urandom(16))

    async def scenario(manager: KmipKeyManager) -> None:
        async def refusal(suffix: str) -> KeyManagerFailure:
            return (await failure(manager.active_version(f"{key_id}-{suffix}", soon()))).failure

        assert await refusal("d") is KeyManagerFailure.USAGE_NOT_PERMITTED
        assert await refusal("s") is KeyManagerFailure.UNSUPPORTED
        version = await manager.active_version(f"{key_id}-e", soon())
        sealed = await manager.encrypt(version, b"p", b"a", soon())
        error = await failure(manager.decrypt(version, sealed, b"a", soon()))
        assert error.failure is KeyManagerFailure.USAGE_NOT_PERMITTED

    play(setup, scenario)


def test_health_is_real_cryptography_under_a_key_for_tests_only(
    server: PyKmipServer, setup: KmipSetup, key_id: str
) -> None:
    async def scenario(manager: KmipKeyManager) -> None:
        for _ in range(2):
            (member,) = await manager.check_health(soon())
            assert member.status is HealthStatus.ACTIVE
            assert (member.id, member.model) == (str(server.address), "PyKMIP 0.11.0 Software Server")
        assert manager.vendor == "PyKMIP 0.11.0 Software Server"

    play(setup._replace(health_key=key_id), scenario)
    assert len(server.objects_named(key_id)) == 1


def test_a_health_key_that_was_revoked_is_noticed(server: PyKmipServer, setup: KmipSetup, key_id: str) -> None:
    server.another_tool().revoke(server.another_tool().register(key_id, os.urandom(32)))

    async def scenario(manager: KmipKeyManager) -> None:
        (member,) = await manager.check_health(soon())
        assert member.status is HealthStatus.UNAVAILABLE

    play(setup._replace(health_key=key_id), scenario)


def test_a_closed_manager_refuses(setup: KmipSetup, key: KeyVersion) -> None:
    async def scenario() -> None:
        async with managing(setup) as manager:
            waiting = asyncio.create_task(manager.encrypt(key, b"p", b"a", soon()))
            await asyncio.sleep(0)
        assert (await failure(waiting)).failure is KeyManagerFailure.UNAVAILABLE
        for call in (
            manager.describe_key(key.key_id, soon()),
            manager.active_version(key.key_id, soon()),
            manager.encrypt(key, b"p", b"a", soon()),
            manager.decrypt(key, Sealed(b"c", b"i" * 12, b"t" * 16), b"a", soon()),
            manager.check_health(soon()),
        ):
            assert (await failure(call)).failure is KeyManagerFailure.UNAVAILABLE

    asyncio.run(scenario())
