"""Making and changing keys at PyKMIP's server, in each version that both speak."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from hyok.errors import NotDoneError
from hyok.keymanagers.errors import KeyManagerFailure
from hyok.keymanagers.interface import KeyUsage, KeyVersion, ManagedKey
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
    assert created._replace(created_at=0) == ManagedKey(key_id, BOTH, True, 1, 1, 0)
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
    created = administrator.create_key(key_id, BOTH)

    async def scenario(manager: KmipKeyManager) -> None:
        sealed, version = {}, KeyVersion(key_id, created.active_version)
        for count in (1, 2, 3):
            sealed[version] = await manager.encrypt(version, b"%d" % count, b"aad", soon())
            if count < 3:
                # Numbered by its date, in seconds.
                await asyncio.sleep(1)
                rotated = await asyncio.to_thread(administrator.rotate_key, key_id)
                assert rotated.version_count == count + 1
                assert rotated.active_version == pytest.approx(time.time(), abs=5)
                version = KeyVersion(key_id, rotated.active_version)
        for count, (old, each) in enumerate(sealed.items(), start=1):
            assert await manager.decrypt(old, each, b"aad", soon()) == b"%d" % count

    play(setup, scenario)


def test_a_key_is_not_rotated_twice_in_one_second(
    server: PyKmipServer, administrator: KmipKeyAdministrator, key_id: str
) -> None:
    """By the server's clock, which may be anything: here the newest version is of tomorrow."""
    object_id = server.another_tool().register(key_id, os.urandom(32))
    server.set_initial_date(object_id, int(time.time()) + 86400)
    with pytest.raises(NotDoneError, match="second"):
        administrator.rotate_key(key_id)
    assert server.objects_named(key_id) == [object_id]


def test_a_key_of_another_tool_is_rotated(
    server: PyKmipServer, administrator: KmipKeyAdministrator, key_id: str
) -> None:
    object_id = server.another_tool().register(key_id, os.urandom(32))
    server.set_initial_date(object_id, 1_600_000_000)
    assert administrator.show_key(key_id).active_version == 1_600_000_000
    assert administrator.rotate_key(key_id).active_version > 1_600_000_000


def test_a_disabled_key_is_refused_by_every_proxy_and_comes_back_when_enabled(
    server: PyKmipServer, setup: KmipSetup, administrator: KmipKeyAdministrator, key_id: str
) -> None:
    administrator.create_key(key_id, BOTH)
    version = KeyVersion(key_id, administrator.rotate_key(key_id).active_version)

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
    version = KeyVersion(key_id, 1)
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


@pytest.mark.parametrize("call", ["create_key", "rotate_key"])
def test_of_many_who_make_a_version_at_once_at_most_one_does(
    server: PyKmipServer, setup: KmipSetup, administrator: KmipKeyAdministrator, key_id: str, call: str
) -> None:
    before = 0
    if call == "rotate_key":
        before = administrator.create_key(key_id, BOTH).version_count

    def make(_: int) -> int:
        mine = KmipKeyAdministrator(lambda: setup)
        try:
            made = mine.rotate_key(key_id) if call == "rotate_key" else mine.create_key(key_id, BOTH)
        except NotDoneError:
            return 0
        return made.version_count

    with ThreadPoolExecutor(4) as pool:
        done = [count for count in pool.map(make, range(4)) if count]
    # Within one second; where the machine is slow, a rotation may come after another one's second.
    present = len(server.objects_named(key_id))
    assert present == before + len(done)
    if present:
        shown = administrator.show_key(key_id)
        assert (shown.version_count, shown.is_enabled) == (present, True)


def test_a_draft_left_by_an_interrupted_rotation_is_finished_once_nobody_can_be_at_work_on_it(
    server: PyKmipServer, setup: KmipSetup, administrator: KmipKeyAdministrator, key_id: str
) -> None:
    administrator.create_key(key_id, BOTH)
    draft = asyncio.run(leave_draft(setup, key_id))
    assert administrator.show_key(key_id).version_count == 1
    with pytest.raises(NotDoneError, match="another"):
        administrator.rotate_key(key_id)
    left_at = int(time.time()) - 61
    server.set_initial_date(draft, left_at)
    assert administrator.rotate_key(key_id).active_version == left_at
    assert server.objects_named(key_id)[1:] == [draft]


def test_a_key_whose_making_was_interrupted_is_finished_by_a_rotation(
    server: PyKmipServer, setup: KmipSetup, administrator: KmipKeyAdministrator, key_id: str
) -> None:
    draft = asyncio.run(leave_draft(setup, key_id))
    assert not administrator.show_key(key_id).is_enabled
    with pytest.raises(NotDoneError, match="rotate it to finish"):
        administrator.create_key(key_id, BOTH)
    with pytest.raises(NotDoneError, match="in a minute"):
        administrator.rotate_key(key_id)
    server.set_initial_date(draft, int(time.time()) - 61)
    assert administrator.rotate_key(key_id)[2:5] == (True, 1, 1)


def test_a_key_that_another_tool_has_not_activated_yet_is_left_alone(
    server: PyKmipServer, administrator: KmipKeyAdministrator, key_id: str
) -> None:
    administrator.create_key(key_id, BOTH)
    foreign = server.another_tool().register(key_id, os.urandom(32), activates=False)
    assert administrator.rotate_key(key_id).version_count == 2
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
