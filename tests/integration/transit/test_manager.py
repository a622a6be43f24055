from __future__ import annotations

import asyncio
import time

import pytest
from msgspec import structs

from hyok.clock import deadline_in
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure, KeyRotatedError
from hyok.keymanagers.interface import KeyDescription, KeyUsage, KeyVersion
from hyok.keymanagers.known_keys import TRUSTED_SECONDS
from hyok.transport.steps import Begun
from tests.integration.transit.managers import (
    AAD,
    PLAINTEXT,
    failure_of,
    least_login,
    managing,
    new_key,
    root_login,
    run,
    seal,
    setup_of,
    soon,
)
from tests.integration.transit.servers import Server

BOTH = frozenset(KeyUsage)


def test_what_is_encrypted_decrypts_with_the_same_aad(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        async with managing(setup_of(server, least_login(server, [key]))) as manager:
            version, sealed = await seal(manager, key)
            assert version == KeyVersion(key, 1)
            assert (len(sealed.ciphertext), len(sealed.iv), len(sealed.tag)) == (len(PLAINTEXT), 12, 16)
            assert await manager.decrypt(version, sealed, AAD, soon()) == PLAINTEXT
            assert (await seal(manager, key))[1] != sealed

    run(check())


@pytest.mark.parametrize("size", [0, 1, 8192])
def test_plaintexts_of_every_size_come_back(server: Server, size: int) -> None:
    async def check() -> None:
        key = new_key(server)
        async with managing(setup_of(server, root_login(server))) as manager:
            version, sealed = await seal(manager, key, bytes(size))
            assert await manager.decrypt(version, sealed, AAD, soon()) == bytes(size)

    run(check())


def test_anything_altered_is_rejected(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        async with managing(setup_of(server, root_login(server))) as manager:
            version, sealed = await seal(manager, key)
            altered = {
                "ciphertext": structs.replace(
                    sealed, ciphertext=sealed.ciphertext[:-1] + bytes([sealed.ciphertext[-1] ^ 1])
                ),
                "tag": structs.replace(sealed, tag=bytes([sealed.tag[0] ^ 1]) + sealed.tag[1:]),
                "iv": structs.replace(sealed, iv=bytes([sealed.iv[0] ^ 1]) + sealed.iv[1:]),
                "a shorter tag": structs.replace(sealed, tag=sealed.tag[:-1]),
                "a byte moved from the tag to the ciphertext": structs.replace(
                    sealed, ciphertext=sealed.ciphertext + sealed.tag[:1], tag=sealed.tag[1:]
                ),
                "a byte moved from the IV to the ciphertext": structs.replace(
                    sealed, iv=sealed.iv[:-1], ciphertext=sealed.iv[-1:] + sealed.ciphertext
                ),
            }
            for what, each in altered.items():
                work = manager.decrypt(version, each, AAD, soon())
                assert await failure_of(work) is KeyManagerFailure.CIPHERTEXT_REJECTED, what
            for aad in (b"", b"other"):
                work = manager.decrypt(version, sealed, aad, soon())
                assert await failure_of(work) is KeyManagerFailure.CIPHERTEXT_REJECTED, aad

    run(check())


def test_a_version_that_never_was_is_a_rejected_ciphertext(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        async with managing(setup_of(server, root_login(server))) as manager:
            version, sealed = await seal(manager, key)
            work = manager.decrypt(version._replace(number=9), sealed, AAD, soon())
            assert await failure_of(work) is KeyManagerFailure.CIPHERTEXT_REJECTED

    run(check())


def test_a_missing_key_is_not_found_and_never_made(server: Server) -> None:
    async def check() -> None:
        async with managing(setup_of(server, root_login(server))) as manager:  # the root may create
            version = KeyVersion("missing", 1)
            _, sealed = await seal(manager, new_key(server))
            for work in (
                manager.describe_key("missing", soon()),
                manager.active_version("missing", soon()),
                manager.encrypt(version, PLAINTEXT, AAD, soon()),
                manager.decrypt(version, sealed, AAD, soon()),
            ):
                assert await failure_of(work) is KeyManagerFailure.KEY_NOT_FOUND
        assert server.ask("GET", "/v1/transit/keys/missing", token=server.root_token).status == 404

    run(check())


@pytest.mark.parametrize("name", ["../sys/seal", "a/b", "", ".", "-a", "a-", "k?list=true", "k%2f", "ключ", "a" * 300])
def test_a_name_that_no_key_can_have_is_not_found(server: Server, name: str) -> None:
    async def check() -> None:
        async with managing(setup_of(server, root_login(server))) as manager:
            version, sealed = await seal(manager, new_key(server))
            for work in (
                manager.describe_key(name, soon()),
                manager.encrypt(version._replace(key_id=name), PLAINTEXT, AAD, soon()),
                manager.decrypt(version._replace(key_id=name), sealed, AAD, soon()),
            ):
                assert await failure_of(work) is KeyManagerFailure.KEY_NOT_FOUND

    run(check())


def test_a_key_is_described(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        async with managing(setup_of(server, least_login(server, [key]))) as manager:
            assert await manager.describe_key(key, soon()) == KeyDescription("AES_256", BOTH, is_enabled=True)

    run(check())


@pytest.mark.parametrize(
    ("properties", "key_spec", "reason"),
    [
        ({"derived": True}, "aes256-gcm96 derived", "is derived"),
        ({"derived": True, "convergent_encryption": True}, "aes256-gcm96 convergent", "is convergent"),
        ({"type": "aes128-gcm96"}, "aes128-gcm96", "of the type aes128-gcm96"),
        ({"type": "rsa-2048"}, "rsa-2048", "of the type rsa-2048"),
    ],
)
def test_a_key_of_another_kind_is_described_as_such_and_refused_with_the_reason(
    server: Server, properties: dict[str, object], key_spec: str, reason: str
) -> None:
    async def check() -> None:
        key = new_key(server, **properties)
        async with managing(setup_of(server, root_login(server))) as manager:
            assert await manager.describe_key(key, soon()) == KeyDescription(key_spec, BOTH, is_enabled=True)
            for work in (
                manager.active_version(key, soon()),
                manager.encrypt(KeyVersion(key, 1), PLAINTEXT, AAD, soon()),
            ):
                with pytest.raises(KeyManagerError, match=reason) as raised:
                    await work
                assert raised.value.failure is KeyManagerFailure.UNSUPPORTED

    run(check())


def test_a_soft_deleted_key_is_disabled_until_it_is_restored(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        async with managing(setup_of(server, least_login(server, [key]))) as manager:
            version, sealed = await seal(manager, key)
            server.do("DELETE", f"transit/keys/{key}/soft-delete")
            # At once, although the key was read a moment ago.
            for work in (
                manager.encrypt(version, PLAINTEXT, AAD, soon()),
                manager.decrypt(version, sealed, AAD, soon()),
            ):
                assert await failure_of(work) is KeyManagerFailure.KEY_DISABLED
            await asyncio.sleep(TRUSTED_SECONDS)
            assert await failure_of(manager.active_version(key, soon())) is KeyManagerFailure.KEY_DISABLED
            assert not (await manager.describe_key(key, soon())).is_enabled
            server.do("POST", f"transit/keys/{key}/soft-delete-restore", {})
            assert await manager.decrypt(version, sealed, AAD, soon()) == PLAINTEXT
            await asyncio.sleep(TRUSTED_SECONDS)
            assert (await seal(manager, key))[0] == version

    run(check())


def test_a_rotation_takes_effect_within_a_second_and_older_versions_decrypt_on(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        async with managing(setup_of(server, least_login(server, [key]))) as manager:
            first, sealed = await seal(manager, key)
            server.do("POST", f"transit/keys/{key}/rotate", {})
            rotated_at = time.monotonic()
            while await manager.active_version(key, soon()) == first:
                assert time.monotonic() - rotated_at < TRUSTED_SECONDS + 0.5
                await asyncio.sleep(0.05)
            second, sealed_anew = await seal(manager, key)
            assert second.number == 2
            assert await manager.decrypt(first, sealed, AAD, soon()) == PLAINTEXT
            assert await manager.decrypt(second, sealed_anew, AAD, soon()) == PLAINTEXT
            work = manager.decrypt(second, sealed, AAD, soon())
            assert await failure_of(work) is KeyManagerFailure.CIPHERTEXT_REJECTED
            # Exactly the version that was asked for: its number is in the AAD.
            again = await manager.encrypt(first, PLAINTEXT, AAD, soon())
            assert await manager.decrypt(first, again, AAD, soon()) == PLAINTEXT

    run(check())


def test_a_version_that_may_encrypt_no_longer_says_so_and_the_next_question_has_the_new_one(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        async with managing(setup_of(server, least_login(server, [key]))) as manager:
            first, _ = await seal(manager, key)
            server.do("POST", f"transit/keys/{key}/rotate", {})
            server.do("POST", f"transit/keys/{key}/config", {"min_encryption_version": 2})
            with pytest.raises(KeyRotatedError):
                await manager.encrypt(first, PLAINTEXT, AAD, soon())
            assert (await seal(manager, key))[0].number == 2

    run(check())


def test_a_version_below_the_keys_minimum_is_disabled_rather_than_a_bad_ciphertext(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        async with managing(setup_of(server, least_login(server, [key]))) as manager:
            first, sealed = await seal(manager, key)
            server.do("POST", f"transit/keys/{key}/rotate", {})
            server.do("POST", f"transit/keys/{key}/config", {"min_decryption_version": 2})
            assert await failure_of(manager.decrypt(first, sealed, AAD, soon())) is KeyManagerFailure.KEY_DISABLED
            server.do("POST", f"transit/keys/{key}/config", {"min_decryption_version": 1})
            assert await manager.decrypt(first, sealed, AAD, soon()) == PLAINTEXT

    run(check())


def test_a_call_can_begin_outside_a_task(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        async with managing(setup_of(server, least_login(server, [key]))) as manager:
            outcome = asyncio.get_running_loop().create_future()

            def begin() -> None:  # as the transport does, from a callback of the loop
                assert asyncio.current_task() is None
                work = seal(manager, key)
                task = asyncio.get_running_loop().create_task(Begun(work, work.send(None)))
                task.add_done_callback(outcome.set_result)

            asyncio.get_running_loop().call_soon(begin)
            version, sealed = (await outcome).result()
            assert await manager.decrypt(version, sealed, AAD, soon()) == PLAINTEXT

    run(check())


def test_many_calls_at_once_have_each_its_own_answer(server: Server) -> None:
    async def check() -> None:
        keys = [new_key(server) for _ in range(3)]
        async with managing(setup_of(server, least_login(server, keys))) as manager:

            async def round_trip(number: int) -> None:
                plaintext = f"plaintext {number}".encode()
                version, sealed = await seal(manager, keys[number % 3], plaintext)
                if number % 5 == 0:
                    work = manager.decrypt(version, sealed, b"wrong", soon())
                    assert await failure_of(work) is KeyManagerFailure.CIPHERTEXT_REJECTED
                assert await manager.decrypt(version, sealed, AAD, soon()) == plaintext

            await asyncio.gather(*(round_trip(number) for number in range(600)))

    run(check())


def test_a_deadline_that_has_passed_is_timed_out(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        async with managing(setup_of(server, root_login(server))) as manager:
            version, sealed = await seal(manager, key)
            for work in (
                manager.encrypt(version, PLAINTEXT, AAD, deadline_in(-1)),
                manager.decrypt(version, sealed, AAD, deadline_in(-1)),
            ):
                assert await failure_of(work) is KeyManagerFailure.TIMED_OUT

    run(check())


def test_closing_fails_what_is_under_way_and_whatever_comes_later(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        async with managing(setup_of(server, root_login(server))) as manager:
            version, sealed = await seal(manager, key)
            calls = [asyncio.ensure_future(manager.encrypt(version, PLAINTEXT, AAD, soon())) for _ in range(300)]
            await asyncio.sleep(0)
            await manager.aclose()
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            failures = [outcome.failure for outcome in outcomes if isinstance(outcome, KeyManagerError)]
            assert failures == [KeyManagerFailure.UNAVAILABLE] * 300
            later = manager.decrypt(version, sealed, AAD, soon())
            assert await failure_of(later) is KeyManagerFailure.UNAVAILABLE
            await manager.aclose()

    run(check())
