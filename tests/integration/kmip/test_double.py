"""What PyKMIP's server cannot show, against a double that can: KMIP 2.1, Re-key, and servers that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from msgspec import structs

from hyok.clock import deadline_in
from hyok.errors import NotDoneError
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import HealthStatus, KeyVersion, Sealed
from hyok.keymanagers.kmip import ttlv
from hyok.keymanagers.kmip.administrator import KmipKeyAdministrator
from hyok.keymanagers.kmip.manager import KmipKeyManager
from hyok.keymanagers.kmip.setup import IvSource, KmipSetup
from hyok.keymanagers.kmip.vocabulary import (
    KMIP_1_4,
    KMIP_2_0,
    KMIP_2_1,
    SPOKEN_VERSIONS,
    Operation,
    ProtocolVersion,
    ResultReason,
    State,
)
from tests.integration.kmip.double import KmipDouble, serving
from tests.integration.kmip.managers import BOTH, failure, play, soon

KEY = "key"
FIRST = KeyVersion(KEY, 1)


@pytest.fixture
def double() -> KmipDouble:
    return KmipDouble()


@pytest.fixture
def setup(double: KmipDouble) -> Iterator[KmipSetup]:
    with serving(double) as setup:
        yield setup


@pytest.fixture
def administrator(setup: KmipSetup) -> KmipKeyAdministrator:
    return KmipKeyAdministrator(lambda: setup)


def round_trip(setup: KmipSetup) -> int:
    """Encrypt and decrypt, and return under which version."""

    async def scenario(manager: KmipKeyManager) -> int:
        version = await manager.active_version(KEY, soon())
        sealed = await manager.encrypt(version, b"plaintext", b"aad", soon())
        assert await manager.decrypt(version, sealed, b"aad", soon()) == b"plaintext"
        return version.number

    return play(setup, scenario)


# Versions of the protocol.


@pytest.mark.parametrize("spoken", SPOKEN_VERSIONS, ids=str)
def test_a_server_of_one_version_is_spoken_to_in_that_one(
    double: KmipDouble, setup: KmipSetup, administrator: KmipKeyAdministrator, spoken: ProtocolVersion
) -> None:
    double.behaviour.versions = (spoken,)
    administrator.create_key(KEY, BOTH)
    assert round_trip(setup) == 1


def test_of_several_versions_the_newest_is_spoken(
    double: KmipDouble, setup: KmipSetup, administrator: KmipKeyAdministrator
) -> None:
    double.behaviour.versions = (KMIP_1_4, KMIP_2_0, KMIP_2_1)
    administrator.create_key(KEY, BOTH)
    spoken: set[ProtocolVersion] = set()

    def note(operation: Operation, response: bytes) -> bytes:
        if operation is Operation.ENCRYPT:
            spoken.add(ProtocolVersion(response[35], response[51]))
        return response

    double.behaviour.spoil = note
    round_trip(setup)
    assert spoken == {KMIP_2_1}


def test_a_server_that_comes_back_in_another_version_is_asked_anew(
    double: KmipDouble, setup: KmipSetup, administrator: KmipKeyAdministrator
) -> None:
    administrator.create_key(KEY, BOTH)

    async def scenario(manager: KmipKeyManager) -> None:
        await manager.encrypt(FIRST, b"p", b"a", soon())
        double.behaviour.versions = (KMIP_1_4,)
        assert (await failure(manager.encrypt(FIRST, b"p", b"a", soon()))).failure is KeyManagerFailure.UNAVAILABLE
        assert (await manager.encrypt(FIRST, b"p", b"a", soon())).tag

    play(setup, scenario)


def test_client_and_server_agree_once_for_all_who_wait(
    double: KmipDouble, setup: KmipSetup, administrator: KmipKeyAdministrator
) -> None:
    administrator.create_key(KEY, BOTH)
    double.asked.clear()

    async def scenario(manager: KmipKeyManager) -> None:
        await asyncio.gather(*(manager.encrypt(FIRST, b"p", b"a", soon()) for _ in range(20)))

    play(setup, scenario)
    assert double.asked.count(Operation.QUERY) == double.asked.count(Operation.LOCATE) == 1


# Re-key.


@pytest.mark.parametrize("spoken", SPOKEN_VERSIONS, ids=str)
@pytest.mark.parametrize("leaves_drafts", [False, True])
def test_rekey_hands_the_name_on_and_old_versions_are_found_by_their_links(
    double: KmipDouble,
    setup: KmipSetup,
    administrator: KmipKeyAdministrator,
    spoken: ProtocolVersion,
    leaves_drafts: bool,
) -> None:
    double.behaviour.versions = (spoken,)
    double.behaviour.rekey_leaves_drafts = leaves_drafts
    created = administrator.create_key(KEY, BOTH)

    async def scenario(manager: KmipKeyManager) -> list[int]:
        sealed, version = {}, KeyVersion(KEY, created.active_version)
        for count in range(1, 5):
            sealed[version] = await manager.encrypt(version, b"%d" % count, b"aad", soon())
            double.now += 1
            rotated = await asyncio.to_thread(administrator.rotate_key, KEY)
            assert rotated.version_count == count + 1
            version = KeyVersion(KEY, rotated.active_version)
        for count, (old, each) in enumerate(sealed.items(), start=1):
            assert await manager.decrypt(old, each, b"aad", soon()) == b"%d" % count
        return [old.number for old in sealed]

    numbers = play(setup, scenario)
    begun = double.now - 4
    assert numbers == [1, begun + 1, begun + 2, begun + 3]
    assert double.asked.count(Operation.RE_KEY) == 4
    assert [each.names for each in double.objects.values()] == [[], [], [], [], [KEY]]


def test_a_key_numbered_by_dates_is_not_replaced_twice_in_one_second(
    double: KmipDouble, administrator: KmipKeyAdministrator
) -> None:
    administrator.create_key(KEY, BOTH)
    assert administrator.rotate_key(KEY).active_version == double.now
    with pytest.raises(NotDoneError, match="second"):
        administrator.rotate_key(KEY)
    assert double.asked.count(Operation.RE_KEY) == 1


def test_a_replacement_by_the_servers_own_schedule_is_numbered_by_its_date_for_ever(
    double: KmipDouble, setup: KmipSetup, administrator: KmipKeyAdministrator
) -> None:
    """Its mark was copied from the key it replaced, and speaks of that."""
    double.behaviour.deactivates_replaced = True
    administrator.create_key(KEY, BOTH)

    async def scenario(manager: KmipKeyManager) -> None:
        old = await manager.encrypt(FIRST, b"old", b"aad", soon())
        double.now += 100
        double.rekey("object-1")
        await asyncio.sleep(1.1)
        version = await manager.active_version(KEY, soon())
        assert version.number == double.now
        new = await manager.encrypt(version, b"new", b"aad", soon())
        # The replaced object goes away altogether; nothing is renumbered.
        assert await manager.decrypt(FIRST, old, b"aad", soon()) == b"old"
        del double.objects["object-1"]
        await asyncio.sleep(1.1)
        assert await manager.active_version(KEY, soon()) == version
        assert await manager.decrypt(version, new, b"aad", soon()) == b"new"

    play(setup, scenario)
    double.now += 1
    assert administrator.rotate_key(KEY).active_version == double.now


def test_a_key_of_another_tool_is_marked_disabled_by_an_attribute_added(
    double: KmipDouble, setup: KmipSetup, administrator: KmipKeyAdministrator
) -> None:
    administrator.create_key(KEY, BOTH)
    double.objects["object-1"].information.clear()
    assert not administrator.disable_key(KEY).is_enabled
    assert double.objects["object-1"].information == [("hyok", f"state=disabled;version={double.now};object=object-1")]
    assert administrator.enable_key(KEY).active_version == double.now
    assert round_trip(setup) == double.now


def test_replacing_a_disabled_key_at_the_server_does_not_enable_it(
    double: KmipDouble, setup: KmipSetup, administrator: KmipKeyAdministrator
) -> None:
    administrator.create_key(KEY, BOTH)
    administrator.disable_key(KEY)
    double.now += 1
    double.rekey("object-1")
    assert not administrator.show_key(KEY).is_enabled
    assert administrator.enable_key(KEY).is_enabled
    assert round_trip(setup) == double.now


def test_enabling_a_key_clears_the_copied_mark_of_a_draft_too(
    double: KmipDouble, administrator: KmipKeyAdministrator
) -> None:
    double.behaviour.rekey_leaves_drafts = True
    administrator.create_key(KEY, BOTH)
    administrator.disable_key(KEY)
    draft = double.objects[double.rekey("object-1")]
    assert administrator.enable_key(KEY).is_enabled
    draft.state = State.ACTIVE
    assert administrator.show_key(KEY).is_enabled


def test_a_rotation_interrupted_after_rekey_loses_no_version_and_is_finished_by_the_next(
    double: KmipDouble, setup: KmipSetup, administrator: KmipKeyAdministrator
) -> None:
    double.behaviour.rekey_leaves_drafts = True
    administrator.create_key(KEY, BOTH)
    double.behaviour.refuse[Operation.ACTIVATE] = ResultReason.GENERAL_FAILURE
    with pytest.raises(KeyManagerError):
        administrator.rotate_key(KEY)
    assert round_trip(setup) == 1
    double.behaviour.refuse.clear()
    replaced_at, double.now = double.now, double.now + 61
    assert administrator.rotate_key(KEY).active_version == replaced_at
    assert double.asked.count(Operation.RE_KEY) == 1
    assert round_trip(setup) == replaced_at


def test_a_server_whose_names_are_unique_and_that_has_no_rekey_cannot_rotate(
    double: KmipDouble, administrator: KmipKeyAdministrator
) -> None:
    administrator.create_key(KEY, BOTH)
    double.behaviour.rekeys = False
    with pytest.raises(NotDoneError, match="names are unique"):
        administrator.rotate_key(KEY)


def test_keys_are_listed_by_name_with_all_their_versions(
    double: KmipDouble, administrator: KmipKeyAdministrator
) -> None:
    for name in ("b", "a"):
        administrator.create_key(name, BOTH)
    administrator.rotate_key("a")
    assert [(key.key_id, key.version_count) for key in administrator.list_keys()] == [("a", 2), ("b", 1)]


def test_what_must_not_be_done_twice_is_not_sent_again_when_the_server_hangs_up(
    double: KmipDouble, administrator: KmipKeyAdministrator
) -> None:
    double.behaviour.spoil = lambda operation, response: None if operation is Operation.CREATE else response
    with pytest.raises(KeyManagerError) as raised:
        administrator.create_key(KEY, BOTH)
    assert raised.value.failure is KeyManagerFailure.UNAVAILABLE
    assert double.asked.count(Operation.CREATE) == 1


def test_an_idle_connection_that_the_server_has_closed_keeps_nothing_from_being_made(
    double: KmipDouble, setup: KmipSetup
) -> None:
    async def scenario(manager: KmipKeyManager) -> None:
        # One connection, which the server closes while it is idle.
        await failure(manager.describe_key(KEY, soon()))
        double.hang_up()
        await asyncio.sleep(0.05)
        (member,) = await manager.check_health(soon())  # makes the health key
        assert member.status is HealthStatus.ACTIVE

    play(setup._replace(connections=1), scenario)
    assert double.asked.count(Operation.CREATE) == 1


def test_what_may_be_repeated_is_sent_again_on_another_connection(
    double: KmipDouble, setup: KmipSetup, administrator: KmipKeyAdministrator
) -> None:
    administrator.create_key(KEY, BOTH)

    async def scenario(manager: KmipKeyManager) -> None:
        await manager.encrypt(FIRST, b"p", b"a", soon())
        double.asked.clear()
        hang_ups = iter([None])

        def hang_up_once(operation: Operation, response: bytes) -> bytes | None:
            return next(hang_ups, response)

        double.behaviour.spoil = hang_up_once
        assert (await manager.encrypt(FIRST, b"p", b"a", soon())).tag
        assert double.asked.count(Operation.ENCRYPT) == 2

    play(setup, scenario)


# States that PyKMIP does not keep apart.


def test_a_deactivated_version_decrypts_where_the_server_lets_it(
    double: KmipDouble, setup: KmipSetup, administrator: KmipKeyAdministrator
) -> None:
    administrator.create_key(KEY, BOTH)

    async def scenario(manager: KmipKeyManager) -> None:
        sealed = await manager.encrypt(FIRST, b"plaintext", b"aad", soon())
        double.objects["object-1"].state = State.DEACTIVATED
        error = await failure(manager.encrypt(FIRST, b"p", b"a", soon()))
        assert error.failure is KeyManagerFailure.KEY_DISABLED
        assert await manager.decrypt(FIRST, sealed, b"aad", soon()) == b"plaintext"
        double.behaviour.decrypts_deactivated = False
        error = await failure(manager.decrypt(FIRST, sealed, b"aad", soon()))
        assert error.failure is KeyManagerFailure.KEY_DISABLED
        double.objects["object-1"].state = State.DESTROYED
        error = await failure(manager.decrypt(FIRST, sealed, b"aad", soon()))
        assert error.failure is KeyManagerFailure.KEY_DISABLED
        assert not (await manager.describe_key(KEY, soon())).is_enabled

    play(setup, scenario)


def test_the_name_of_a_destroyed_key_that_the_server_remembers_is_taken(
    double: KmipDouble, administrator: KmipKeyAdministrator
) -> None:
    administrator.create_key(KEY, BOTH)
    double.objects["object-1"].state = State.DESTROYED
    with pytest.raises(NotDoneError, match="already"):
        administrator.create_key(KEY, BOTH)


# Servers out of order.


def test_without_a_working_health_key_an_ambiguous_refusal_is_no_bad_ciphertext(
    double: KmipDouble, setup: KmipSetup, administrator: KmipKeyAdministrator
) -> None:
    """A server that decrypts nothing any more must not make AWS KMS believe that the ciphertexts are bad."""
    administrator.create_key(KEY, BOTH)
    double.behaviour.refuse[Operation.DECRYPT] = ResultReason.GENERAL_FAILURE

    async def scenario(manager: KmipKeyManager) -> None:
        error = await failure(manager.decrypt(FIRST, Sealed(b"c", b"i" * 12, b"t" * 16), b"a", soon()))
        assert error.failure is KeyManagerFailure.UNAVAILABLE

    play(setup, scenario)


@pytest.mark.parametrize(
    "reason",
    [
        ResultReason.CRYPTOGRAPHIC_FAILURE,
        ResultReason.GENERAL_FAILURE,
        ResultReason.INTERNAL_SERVER_ERROR,
        ResultReason.INVALID_FIELD,
        ResultReason.BAD_CRYPTOGRAPHIC_PARAMETERS,
    ],
)
def test_a_wrong_tag_is_rejected_in_whatever_words_the_server_has_for_it(
    double: KmipDouble, setup: KmipSetup, administrator: KmipKeyAdministrator, reason: ResultReason
) -> None:
    administrator.create_key(KEY, BOTH)
    double.behaviour.wrong_tag_reason = reason

    async def scenario(manager: KmipKeyManager) -> None:
        error = await failure(manager.decrypt(FIRST, Sealed(b"c", b"i" * 12, b"t" * 16), b"a", soon()))
        assert error.failure is KeyManagerFailure.CIPHERTEXT_REJECTED

    play(setup, scenario)


def test_a_wrong_tag_costs_no_trial_while_others_are_decrypted(
    double: KmipDouble, setup: KmipSetup, administrator: KmipKeyAdministrator
) -> None:
    administrator.create_key(KEY, BOTH)

    async def scenario(manager: KmipKeyManager) -> None:
        sealed = await manager.encrypt(FIRST, b"p", b"a", soon())
        double.asked.clear()
        for _ in range(5):
            await failure(manager.decrypt(FIRST, structs.replace(sealed, tag=bytes(16)), b"a", soon()))
        assert double.asked == [Operation.DECRYPT] * 5

    play(setup, scenario)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (ResultReason.SERVER_LIMIT_EXCEEDED, KeyManagerFailure.OVERLOADED),
        (ResultReason.OPERATION_NOT_SUPPORTED, KeyManagerFailure.UNSUPPORTED),
        (ResultReason.USAGE_LIMIT_EXCEEDED, KeyManagerFailure.USAGE_NOT_PERMITTED),
        (ResultReason.OBJECT_ARCHIVED, KeyManagerFailure.KEY_DISABLED),
        (ResultReason.PERMISSION_DENIED, KeyManagerFailure.UNAVAILABLE),
        (0x8000_0001, KeyManagerFailure.UNAVAILABLE),
    ],
)
def test_a_refused_encryption_fails_in_the_right_word(
    double: KmipDouble, setup: KmipSetup, administrator: KmipKeyAdministrator, reason: int, expected: KeyManagerFailure
) -> None:
    administrator.create_key(KEY, BOTH)
    double.behaviour.refuse[Operation.ENCRYPT] = reason

    async def scenario(manager: KmipKeyManager) -> None:
        assert (await failure(manager.encrypt(FIRST, b"p", b"a", soon()))).failure is expected

    play(setup, scenario)


def test_a_server_that_makes_one_iv_for_all_is_not_used(
    double: KmipDouble, setup: KmipSetup, administrator: KmipKeyAdministrator
) -> None:
    administrator.create_key(KEY, BOTH)
    double.behaviour.iv = bytes(12)

    async def scenario(manager: KmipKeyManager) -> None:
        for _ in range(2):
            error = await failure(manager.encrypt(FIRST, b"p", b"a", soon()))
            assert error.failure is KeyManagerFailure.UNAVAILABLE
            assert "one and the same IV" in error.detail
        (member,) = await manager.check_health(soon())
        assert member.status is HealthStatus.UNAVAILABLE

    play(setup._replace(iv_source=IvSource.SERVER), scenario)
    assert all(KEY not in each.names for each in double.objects.values() if each.id == "object-2")
    assert round_trip(setup) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda response: b"HTTP/1.1 400 Bad Request\r\n\r\n",
        lambda response: response[:-8],
        lambda response: response + response,
        lambda response: response.replace(b"object-1", b"object-9"),
        lambda response: response.replace((0x4200FF).to_bytes(3), (0x4200FD).to_bytes(3)),
        lambda response: ttlv.structure(0x42007B),
        lambda response: b"\x42\x00\x7b\x01\x7f\xff\xff\xf8",
    ],
)
def test_an_answer_that_cannot_be_right_is_thrown_away(
    double: KmipDouble, setup: KmipSetup, administrator: KmipKeyAdministrator, spoil: object
) -> None:
    assert callable(spoil)
    administrator.create_key(KEY, BOTH)

    async def scenario(manager: KmipKeyManager) -> None:
        await manager.active_version(KEY, soon())
        double.behaviour.spoil = lambda operation, response: (
            spoil(response) if operation is Operation.ENCRYPT else response
        )
        error = await failure(manager.encrypt(FIRST, b"p", b"a", deadline_in(1)))
        assert error.failure in {KeyManagerFailure.UNAVAILABLE, KeyManagerFailure.TIMED_OUT}
        double.behaviour.spoil = lambda operation, response: response
        assert (await manager.encrypt(FIRST, b"p", b"a", soon())).tag

    play(setup, scenario)


def test_a_locate_that_ignores_its_filter_gives_no_key_to_another_name(
    double: KmipDouble, setup: KmipSetup, administrator: KmipKeyAdministrator
) -> None:
    administrator.create_key(KEY, BOTH)
    double.behaviour.ignores_filters = True

    async def scenario(manager: KmipKeyManager) -> None:
        error = await failure(manager.active_version("another", soon()))
        assert error.failure is KeyManagerFailure.KEY_NOT_FOUND

    play(setup, scenario)


def test_links_in_a_circle_end(double: KmipDouble, setup: KmipSetup, administrator: KmipKeyAdministrator) -> None:
    administrator.create_key(KEY, BOTH)
    administrator.rotate_key(KEY)
    double.objects["object-1"].replaced = "object-2"
    assert round_trip(setup) == double.now


def test_the_health_key_cannot_be_made_where_that_is_not_allowed_and_the_member_is_unavailable(
    double: KmipDouble, setup: KmipSetup, caplog: pytest.LogCaptureFixture
) -> None:
    double.behaviour.refuse[Operation.CREATE] = ResultReason.PERMISSION_DENIED

    async def scenario(manager: KmipKeyManager) -> None:
        (member,) = await manager.check_health(soon())
        assert member.status is HealthStatus.UNAVAILABLE

    play(setup, scenario)
    assert "make an AES-256 key of that name" in caplog.text
