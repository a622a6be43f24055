"""Uses of credentials, counted in memory and written to the storage."""

from __future__ import annotations

import asyncio
import logging

import pytest

from hyok.administration.credentials import create_credential, delete_credential, list_credentials
from hyok.administration.keystores import create_key_store
from hyok.custody.safe import Safe
from hyok.proxy.usage import CredentialUsage
from hyok.storage.engine import Storage
from hyok.storage.errors import StorageError
from tests.unit.storage.fixtures import SetClock, clock, holder_storage, holder_url, safe

__all__ = ["clock", "holder_storage", "holder_url", "safe"]


@pytest.fixture
def credential(holder_storage: Storage, safe: Safe, clock: SetClock) -> str:
    create_key_store(holder_storage, clock, name="alpha")
    return create_credential(holder_storage, safe, clock, key_store="alpha").access_key_id


def listed(storage: Storage) -> list[tuple[int, float | None]]:
    return [(each.use_count, each.last_used_at) for each in list_credentials(storage, "alpha")]


def test_a_credential_that_was_never_used_says_so(holder_storage: Storage, credential: str) -> None:
    assert listed(holder_storage) == [(0, None)]


def test_uses_reach_the_storage_with_the_next_flush(holder_storage: Storage, credential: str) -> None:
    usage = CredentialUsage(holder_storage)
    usage.note(credential, 10.0)
    usage.note(credential, 12.5)
    assert listed(holder_storage) == [(0, None)]

    asyncio.run(usage.flush())
    asyncio.run(usage.flush())

    assert listed(holder_storage) == [(2, 12.5)]


def test_several_processes_count_together_and_the_latest_use_stands(holder_storage: Storage, credential: str) -> None:
    for times, last_at in ((3, 30.0), (2, 20.0)):
        usage = CredentialUsage(holder_storage)
        for _ in range(times):
            usage.note(credential, last_at)
        asyncio.run(usage.flush())

    assert listed(holder_storage) == [(5, 30.0)]


def test_a_credential_that_was_deleted_meanwhile_keeps_no_other_from_being_written(
    holder_storage: Storage, safe: Safe, clock: SetClock, credential: str
) -> None:
    gone = create_credential(holder_storage, safe, clock, key_store="alpha").access_key_id
    usage = CredentialUsage(holder_storage)
    usage.note(gone, 1.0)
    usage.note(credential, 2.0)
    delete_credential(holder_storage, clock, gone)

    asyncio.run(usage.flush())

    assert listed(holder_storage) == [(1, 2.0)]


def test_what_the_storage_does_not_take_is_written_later_and_said_once(
    holder_storage: Storage, credential: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(work: object) -> None:
        raise StorageError("the disk is full")

    usage = CredentialUsage(holder_storage)
    usage.note(credential, 1.0)
    with monkeypatch.context() as broken, caplog.at_level(logging.WARNING):
        broken.setattr(holder_storage, "run", fail)
        asyncio.run(usage.flush())
        usage.note(credential, 2.0)
        asyncio.run(usage.flush())
    asyncio.run(usage.flush())

    assert listed(holder_storage) == [(2, 2.0)]
    assert caplog.text.count("the disk is full") == 1
