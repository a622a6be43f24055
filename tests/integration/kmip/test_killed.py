"""PyKMIP's server killed under load and started again."""

from __future__ import annotations

import asyncio
import os
from time import monotonic

import pytest

from hyok.clock import deadline_in
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import HealthStatus, KeyVersion
from hyok.keymanagers.kmip.administrator import KmipKeyAdministrator
from hyok.keymanagers.kmip.manager import KmipKeyManager
from tests.integration.kmip.managers import BOTH, play, soon
from tests.integration.kmip.pykmip import PyKmipServer
from tests.sizes import size

EXPECTED = {KeyManagerFailure.UNAVAILABLE, KeyManagerFailure.TIMED_OUT}
CALL_SECONDS = 0.25  # what AWS KMS gives a call


class Load:
    """Callers that encrypt and decrypt without pause, and what they saw."""

    def __init__(self, manager: KmipKeyManager, version: KeyVersion) -> None:
        self._manager = manager
        self._version = version
        self.failures: list[KeyManagerFailure] = []
        self.slowest = 0.0
        """The most seconds that a call took beyond its deadline."""
        self.last_success = 0.0
        self.successes = 0

    async def run(self) -> None:
        while True:
            plaintext, aad = os.urandom(32), os.urandom(16)
            began = monotonic()
            try:
                deadline = deadline_in(CALL_SECONDS)
                version = await self._manager.active_version(self._version.key_id, deadline)
                assert version == self._version
                sealed = await self._manager.encrypt(version, plaintext, aad, deadline)
                # Whatever happens to the server, nothing wrong is ever returned.
                assert await self._manager.decrypt(version, sealed, aad, deadline) == plaintext
            except KeyManagerError as error:
                self.failures.append(error.failure)
            else:
                self.successes += 1
                self.last_success = monotonic()
            self.slowest = max(self.slowest, monotonic() - began - CALL_SECONDS)
            await asyncio.sleep(0.01)


def test_a_server_killed_under_load_fails_calls_in_the_right_words_and_serves_within_5_seconds_of_its_return(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with PyKmipServer(tmp_path_factory.mktemp("killed")) as server:
        setup = server.setup(connections=8)
        KmipKeyAdministrator(lambda: setup).create_key("loaded", BOTH)

        async def scenario(manager: KmipKeyManager) -> None:
            load = Load(manager, KeyVersion("loaded", 1))
            callers = [asyncio.create_task(load.run()) for _ in range(8)]
            for _ in range(size(usual=2, nightly=20)):
                await asyncio.sleep(0.5)
                assert load.successes
                server.kill()
                killed_at, before = monotonic(), len(load.failures)
                await asyncio.sleep(0.5)
                assert load.last_success < killed_at + 0.25
                assert len(load.failures) > before
                (member,) = await manager.check_health(soon())
                assert member.status is HealthStatus.UNAVAILABLE
                await asyncio.to_thread(server.start)
                returned_at, load.successes = monotonic(), 0
                while not load.successes:
                    assert not any(caller.done() for caller in callers)
                    assert monotonic() - returned_at < 5
                    await asyncio.sleep(0.01)
                (member,) = await manager.check_health(soon())
                assert member.status is HealthStatus.ACTIVE
            for caller in callers:
                caller.cancel()
            for ended in await asyncio.gather(*callers, return_exceptions=True):
                assert isinstance(ended, asyncio.CancelledError), ended
            assert set(load.failures) <= EXPECTED
            assert load.slowest < 1

        play(setup, scenario)


def test_a_server_that_stands_still_times_calls_out_and_goes_on_after_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with PyKmipServer(tmp_path_factory.mktemp("frozen")) as server:
        setup = server.setup()
        KmipKeyAdministrator(lambda: setup).create_key("frozen", BOTH)
        version = KeyVersion("frozen", 1)

        async def scenario(manager: KmipKeyManager) -> None:
            await manager.encrypt(version, b"p", b"a", soon())
            server.freeze()
            for _ in range(3):
                began = monotonic()
                with pytest.raises(KeyManagerError) as raised:
                    await manager.encrypt(version, b"p", b"a", deadline_in(0.2))
                assert raised.value.failure is KeyManagerFailure.TIMED_OUT
                assert monotonic() - began < 0.5
            server.thaw()
            sealed = await manager.encrypt(version, b"plaintext", b"a", soon())
            assert await manager.decrypt(version, sealed, b"a", soon()) == b"plaintext"

        play(setup, scenario)
