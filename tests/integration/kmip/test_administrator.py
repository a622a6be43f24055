"""Making and changing keys at PyKMIP's server, in each version that both speak."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from hyok.errors import NotDoneError
from hyok.keymanagers.errors import KeyManagerFailure
from hyok.keymanagers.interface import KeyUsage, KeyVersion
from hyok.keymanagers.kmip.administrator import KmipKeyAdministrator
from hyok.keymanagers.kmip.attributes import algorithm, application_information, length, name, usage_mask
from hyok.keymanagers.kmip.client import KmipClient
from hyok.keymanagers.kmip.manager import KmipKeyManager
from hyok.keymanagers.kmip.requests import Create
from hyok.keymanagers.kmip.setup import KmipSetup
from hyok.keymanagers.kmip.vocabulary import AES
from hyok.keymanagers.tasks import OwnTasks
from tests.integration.kmip.managers import BOTH, failure, play, soon
from tests.integration.kmip.pykmip import PyKmipServer


@pytest.fixture
def administrator(setup: KmipSetup) -> KmipKeyAdministrator:
    return KmipKeyAdministrator(lambda: setup)


def test_a_created_key_is_there_enabled_with_version_1(administrator: KmipKeyAdministrator, key_id: str) -> None:
    created = administrator.create_key(key_id, BOTH)
    assert created._replace(created_at=0) == (key_id, BOTH, True, 1, 1, 0)
    assert administrator.show_key(key_id) == created
    assert created in administrator.list_keys()


def test_a_name_that_is_taken_is_not_taken_again(
    server: PyKmipServer, administrator: KmipKeyAdministrator, key_id: str
) -> None:
    server.another_tool().register(key_id, os.urandom(32))
    with pytest.raises(NotDoneError, match="already"):
        administrator.create_key(key_id, BOTH)
    assert len(server.objects_named(key_id)) == 1


@pytest.mark.parametrize("name", ["", "no/slash", "x" * 129, "ü"])
def test_a_key_has_a_name_that_aws_kms_takes(administrator: KmipKeyAdministrator, name: str) -> None:
    with pytest.raises(NotDoneError, match="no key id"):
        administrator.create_key(name, BOTH)


def test_a_key_of_no_use_is_not_made(administrator: KmipKeyAdministrator, key_id: str) -> None:
    with pytest.raises(NotDoneError, match="no use"):
        administrator.create_key(key_id, frozenset())


def test_a_key_has_the_usages_it_was_created_with(administrator: KmipKeyAdministrator, key_id: str) -> None:
    only = frozenset({KeyUsage.DECRYPT})
    assert administrator.create_key(key_id, only).usages == only
    assert administrator.rotate_key(key_id).usages == only


def test_a_rotated_key_encrypts_under_the_next_version_and_decrypts_under_all(
    setup: KmipSetup, administrator: KmipKeyAdministrator, key_id: str
) -> None:
    administrator.create_key(key_id, BOTH)

    async def scenario(manager: KmipKeyManager) -> None:
        sealed = {}
        for number in (1, 2, 3):
            version = KeyVersion(key_id, number)
            sealed[version] = await manager.encrypt(version, b"%d" % number, b"aad", soon())
            rotated = await asyncio.to_thread(administrator.rotate_key, key_id)
            assert (rotated.active_version, rotated.version_count) == (number + 1, number + 1)
        for version, each in sealed.items():
            assert await manager.decrypt(version, each, b"aad", soon()) == b"%d" % version.number

    play(setup, scenario)


def test_a_key_of_another_tool_is_rotated_by_date(
    server: PyKmipServer, administrator: KmipKeyAdministrator, key_id: str
) -> None:
    object_id = server.another_tool().register(key_id, os.urandom(32))
    server.set_initial_date(object_id, 1_600_000_000)
    assert administrator.show_key(key_id).active_version == 1_600_000_000
    rotated = administrator.rotate_key(key_id)
    assert rotated.active_version == pytest.approx(rotated.created_at, abs=10**9)
    assert rotated.active_version > 1_600_000_000
    assert rotated.version_count == 2


def test_a_disabled_key_is_refused_by_every_proxy_and_comes_back_when_enabled(
    server: PyKmipServer, setup: KmipSetup, administrator: KmipKeyAdministrator, key_id: str
) -> None:
    administrator.create_key(key_id, BOTH)
    administrator.rotate_key(key_id)
    version = KeyVersion(key_id, 2)

    async def seal(manager: KmipKeyManager) -> bytes:
        sealed = await manager.encrypt(version, b"plaintext", b"aad", soon())
        return await manager.decrypt(version, sealed, b"aad", soon())

    async def see_it_refused(manager: KmipKeyManager) -> None:
        sealed = await manager.encrypt(version, b"plaintext", b"aad", soon())
        await asyncio.to_thread(administrator.disable_key, key_id)
        await asyncio.sleep(1.1)
        for call in (
            manager.active_version(key_id, soon()),
            manager.encrypt(version, b"p", b"a", soon()),
            manager.decrypt(version, sealed, b"aad", soon()),
            manager.decrypt(KeyVersion(key_id, 1), sealed, b"aad", soon()),
        ):
            assert (await failure(call)).failure is KeyManagerFailure.KEY_DISABLED
        assert not (await manager.describe_key(key_id, soon())).is_enabled

    play(setup, see_it_refused)
    shown = administrator.show_key(key_id)
    assert not shown.is_enabled
    assert administrator.disable_key(key_id) == shown
    # Not even if the version that says so goes away.
    _, newest = server.objects_named(key_id)
    server.another_tool().revoke(newest)
    server.another_tool().destroy(newest)
    assert not administrator.show_key(key_id).is_enabled
    with pytest.raises(NotDoneError, match="disabled"):
        administrator.rotate_key(key_id)
    assert administrator.enable_key(key_id).is_enabled
    version = KeyVersion(key_id, administrator.rotate_key(key_id).active_version)
    assert play(setup, seal) == b"plaintext"


def test_a_key_of_another_tool_cannot_be_marked_where_the_server_adds_no_attributes(
    server: PyKmipServer, administrator: KmipKeyAdministrator, key_id: str
) -> None:
    """PyKMIP has no Add Attribute."""
    server.another_tool().register(key_id, os.urandom(32))
    with pytest.raises(NotDoneError, match="revoke the key at the server"):
        administrator.disable_key(key_id)
    assert administrator.show_key(key_id).is_enabled


@pytest.mark.parametrize("call", ["rotate_key", "enable_key", "disable_key", "show_key"])
def test_a_key_that_is_not_there_cannot_be_changed(administrator: KmipKeyAdministrator, call: str) -> None:
    with pytest.raises(NotDoneError, match="no symmetric key"):
        getattr(administrator, call)("nobody")


def test_of_many_who_rotate_at_once_none_makes_a_version_twice(
    setup: KmipSetup, administrator: KmipKeyAdministrator, key_id: str
) -> None:
    administrator.create_key(key_id, BOTH)

    def rotate(_: int) -> int:
        try:
            return KmipKeyAdministrator(lambda: setup).rotate_key(key_id).version_count
        except NotDoneError:
            return 0

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(rotate, range(4)))
    shown = administrator.show_key(key_id)
    assert shown.version_count == shown.active_version
    assert administrator.rotate_key(key_id).active_version == shown.active_version + 1


def test_a_draft_left_by_an_interrupted_rotation_is_finished_by_the_next(
    server: PyKmipServer, setup: KmipSetup, administrator: KmipKeyAdministrator, key_id: str
) -> None:
    administrator.create_key(key_id, BOTH)
    draft = asyncio.run(leave_draft(setup, key_id))
    assert administrator.show_key(key_id).version_count == 1
    assert administrator.rotate_key(key_id).active_version == 2
    assert server.objects_named(key_id)[1:] == [draft]


def test_a_key_whose_making_was_interrupted_is_finished_by_a_rotation(
    setup: KmipSetup, administrator: KmipKeyAdministrator, key_id: str
) -> None:
    asyncio.run(leave_draft(setup, key_id))
    assert not administrator.show_key(key_id).is_enabled
    with pytest.raises(NotDoneError, match="rotate it to finish"):
        administrator.create_key(key_id, BOTH)
    assert administrator.rotate_key(key_id)[2:5] == (True, 1, 1)


def test_a_key_that_another_tool_has_not_activated_yet_is_left_alone(
    server: PyKmipServer, administrator: KmipKeyAdministrator, key_id: str
) -> None:
    administrator.create_key(key_id, BOTH)
    foreign = server.another_tool().register(key_id, os.urandom(32), activates=False)
    assert administrator.rotate_key(key_id).active_version == 2
    server.another_tool().activate(foreign)  # which it could not, had hyok


async def leave_draft(setup: KmipSetup, key_id: str) -> str:
    """Begin a version as the administrator does, and go away before it is marked and activated."""
    tasks = OwnTasks()
    client = KmipClient(setup, tasks)
    attributes = (name(key_id), algorithm(AES), length(256), usage_mask(12), application_information("hyok", "draft"))
    try:
        return await client.ask(Create(attributes), soon())
    finally:
        await tasks.aclose()
        await client.aclose()
