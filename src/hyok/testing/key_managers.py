"""The contract of `KeyManager`, as tests that any key manager can run.

In a test module, derive from `KeyManagerContract` and say how to open the manager; pytest finds the tests in it:

    class TestMine(KeyManagerContract):
        @asynccontextmanager
        async def subject(self) -> AsyncIterator[Subject]:
            manager = MyKeyManager(...)
            yield Subject(manager, key_id="one", other_key_id="two")
            await manager.aclose()

Where the manager can be administered, `Subject.administrator` adds rotation and disabling to what is tested.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Final, NamedTuple, TypeVar
from uuid import uuid4

from hyok.clock import Deadline, deadline_in
from hyok.errors import NotDoneError
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import (
    HealthStatus,
    KeyAdministrator,
    KeyManager,
    KeyUsage,
    KeyVersion,
    Sealed,
    VerifyingKeyManager,
)
from hyok.transport.steps import Begun

T = TypeVar("T")

CALL_SECONDS: Final = 5.0
"""Generous: what is tested is that a call ends, not how fast the machine is."""
LARGEST_PLAINTEXT_BYTES: Final = 4300
LARGEST_AAD_BYTES: Final = 8192 + 2 + 1 + 20
"""What a proxy hands over at most: the request's AAD, framed, and the ciphertext metadata (XKS API, Encrypt)."""


class Subject(NamedTuple):
    """A key manager under test and keys in it that are enabled for both usages."""

    manager: KeyManager
    key_id: str
    other_key_id: str
    administrator: KeyAdministrator | None = None
    refresh: Callable[[], Awaitable[None]] | None = None
    """Makes the manager see what its administrator changed, where it does not by itself."""


class KeyManagerContract:
    """What every key manager promises. The names of the tests are the promises."""

    def subject(self) -> AbstractAsyncContextManager[Subject]:
        """Open the manager for one test."""
        raise NotImplementedError("say how to open the key manager")

    # What is encrypted comes back.

    def test_what_it_encrypts_it_decrypts(self) -> None:
        """For each size from one byte to the largest, with and without AAD."""

        async def check(subject: Subject) -> None:
            for size in (1, 16, 48, LARGEST_PLAINTEXT_BYTES):
                for aad in (b"", b"\x00\x00\x05" + bytes(5), bytes(LARGEST_AAD_BYTES)):
                    plaintext = bytes(range(256)) * 17
                    version, sealed = await _seal(subject, plaintext[:size], aad)
                    opened = await subject.manager.decrypt(version, sealed, aad, _soon())
                    assert opened == plaintext[:size], f"{size} bytes with {len(aad)} of AAD came back altered"

        self._run(check)

    def test_a_ciphertext_has_the_sizes_that_the_api_demands(self) -> None:
        """As long as the plaintext, an IV of 12 or 16 bytes, a tag of 16."""

        async def check(subject: Subject) -> None:
            _, sealed = await _seal(subject, b"seventeen  bytes!", b"")
            assert len(sealed.ciphertext) == 17
            assert len(sealed.iv) in (12, 16)
            assert len(sealed.tag) == 16

        self._run(check)

    def test_no_iv_is_used_twice(self) -> None:
        """Two uses of one IV under one key would give both plaintexts away."""

        async def check(subject: Subject) -> None:
            ivs = {(await _seal(subject, b"the same", b""))[1].iv for _ in range(50)}
            assert len(ivs) == 50

        self._run(check)

    def test_what_it_verifies_by_itself_comes_back_too(self) -> None:
        """Where it is a `VerifyingKeyManager`: what binds sees the very output, and that decrypts."""

        async def check(subject: Subject) -> None:
            if not isinstance(subject.manager, VerifyingKeyManager):
                return
            version = await subject.manager.active_version(subject.key_id, _soon())
            sealed, bound = await subject.manager.encrypt_verified(
                version, b"plaintext", b"aad", lambda output: ("bound", output), _soon()
            )
            assert bound == ("bound", sealed)
            assert await subject.manager.decrypt(version, sealed, b"aad", _soon()) == b"plaintext"

        self._run(check)

    # What was altered does not.

    def test_whatever_is_altered_is_rejected(self) -> None:
        """Each of ciphertext, IV, tag and AAD, and a tag or IV cut short."""

        async def check(subject: Subject) -> None:
            version, sealed = await _seal(subject, b"do not touch", b"aad")
            altered = (
                (sealed._replace(ciphertext=_flip(sealed.ciphertext)), b"aad"),
                (sealed._replace(iv=_flip(sealed.iv)), b"aad"),
                (sealed._replace(tag=_flip(sealed.tag)), b"aad"),
                (sealed._replace(tag=sealed.tag[:-1]), b"aad"),
                (sealed._replace(ciphertext=sealed.ciphertext + sealed.tag[:1], tag=sealed.tag[1:]), b"aad"),
                (sealed, b"aae"),
                (sealed, b""),
            )
            for other, aad in altered:
                await _fails(subject.manager.decrypt(version, other, aad, _soon()), _REJECTED)
            assert await subject.manager.decrypt(version, sealed, b"aad", _soon()) == b"do not touch"

        self._run(check)

    def test_another_key_does_not_open_it(self) -> None:
        """Nor does a version that the key never had."""

        async def check(subject: Subject) -> None:
            version, sealed = await _seal(subject, b"mine", b"")
            other = await subject.manager.active_version(subject.other_key_id, _soon())
            await _fails(subject.manager.decrypt(other, sealed, b"", _soon()), _REJECTED)
            never = KeyVersion(version.key_id, version.number + 1000)
            await _fails(subject.manager.decrypt(never, sealed, b"", _soon()), _REJECTED)

        self._run(check)

    # Which keys there are, and what they may do.

    def test_a_key_is_described(self) -> None:
        """As GetKeyMetadata needs it."""

        async def check(subject: Subject) -> None:
            description = await subject.manager.describe_key(subject.key_id, _soon())
            assert description.key_spec == "AES_256"
            assert description.usages == frozenset(KeyUsage)
            assert description.is_enabled

        self._run(check)

    def test_a_key_that_is_not_there_is_not_found(self) -> None:
        """And is not made by asking for it."""

        async def check(subject: Subject) -> None:
            for _ in range(2):
                await _fails(subject.manager.describe_key("no-such-key", _soon()), {KeyManagerFailure.KEY_NOT_FOUND})
                await _fails(subject.manager.active_version("no-such-key", _soon()), {KeyManagerFailure.KEY_NOT_FOUND})

        self._run(check)

    def test_rotation_keeps_what_older_versions_sealed(self) -> None:
        """Under an unchanged key id, with a version that was never used before; the versions are told apart."""

        async def check(subject: Subject) -> None:
            if subject.administrator is None:
                return
            old, sealed = await _seal(subject, b"before", b"")
            await _administer(subject, lambda administrator: administrator.rotate_key(subject.key_id))
            new = await subject.manager.active_version(subject.key_id, _soon())
            assert new.key_id == old.key_id
            assert new.number > old.number
            assert await subject.manager.decrypt(old, sealed, b"", _soon()) == b"before"
            await _fails(subject.manager.decrypt(new, sealed, b"", _soon()), _REJECTED)

        self._run(check)

    def test_a_disabled_key_is_refused_until_it_is_enabled(self) -> None:
        """For both usages; it is still described."""

        async def check(subject: Subject) -> None:
            if subject.administrator is None:
                return
            version, sealed = await _seal(subject, b"withdrawn", b"")
            await _administer(subject, lambda administrator: administrator.disable_key(subject.key_id))
            assert not (await subject.manager.describe_key(subject.key_id, _soon())).is_enabled
            await _fails(subject.manager.active_version(subject.key_id, _soon()), {KeyManagerFailure.KEY_DISABLED})
            await _fails(subject.manager.decrypt(version, sealed, b"", _soon()), {KeyManagerFailure.KEY_DISABLED})
            await _administer(subject, lambda administrator: administrator.enable_key(subject.key_id))
            assert await subject.manager.decrypt(version, sealed, b"", _soon()) == b"withdrawn"

        self._run(check)

    # What its administrator promises, where there is one.

    def test_a_new_key_is_shown_and_listed_as_it_was_asked_for(self) -> None:
        """Enabled, with one version, for both usages; an id that is taken is refused and changes nothing."""

        def check(administrator: KeyAdministrator, key_id: str) -> None:
            made = administrator.create_key(key_id, frozenset(KeyUsage))
            assert (made.key_id, made.usages, made.is_enabled) == (key_id, frozenset(KeyUsage), True)
            assert made.version_count == 1
            _not_done(lambda: administrator.create_key(key_id, frozenset(KeyUsage)))
            shown = administrator.show_key(key_id)
            assert shown._replace(created_at=0) == made._replace(created_at=0)
            listed = administrator.list_keys()
            assert [each.key_id for each in listed] == sorted(each.key_id for each in listed)
            assert key_id in [each.key_id for each in listed]

        self._administer(check)

    def test_a_rotated_key_has_one_more_version(self) -> None:
        """With a higher number than any before."""

        def check(administrator: KeyAdministrator, key_id: str) -> None:
            before = administrator.create_key(key_id, frozenset(KeyUsage))
            after = administrator.rotate_key(key_id)
            assert after.active_version > before.active_version
            assert after.version_count == before.version_count + 1
            assert administrator.show_key(key_id).active_version == after.active_version

        self._administer(check)

    def test_disabling_and_enabling_may_be_done_twice(self) -> None:
        """What is so already stays so; versions are none the fewer."""

        def check(administrator: KeyAdministrator, key_id: str) -> None:
            made = administrator.create_key(key_id, frozenset(KeyUsage))
            for change, is_enabled in ((administrator.disable_key, False), (administrator.enable_key, True)):
                for _ in range(2):
                    changed = change(key_id)
                    assert changed.is_enabled is is_enabled
                    assert changed.version_count == made.version_count
                assert administrator.show_key(key_id).is_enabled is is_enabled

        self._administer(check)

    def test_a_key_that_is_not_there_cannot_be_changed(self) -> None:
        """And is not made by that."""

        def check(administrator: KeyAdministrator, key_id: str) -> None:
            changes = (
                administrator.show_key,
                administrator.rotate_key,
                administrator.disable_key,
                administrator.enable_key,
            )
            for change in changes:
                _not_done(partial(change, key_id))
            assert key_id not in [each.key_id for each in administrator.list_keys()]

        self._administer(check)

    # How it behaves.

    def test_a_hundred_calls_at_once_are_each_answered_rightly(self) -> None:
        """None gets the answer of another."""

        async def check(subject: Subject) -> None:
            async def once(number: int) -> None:
                plaintext = b"call %d" % number
                version, sealed = await _seal(subject, plaintext, b"%d" % number)
                assert await subject.manager.decrypt(version, sealed, b"%d" % number, _soon()) == plaintext

            await asyncio.gather(*map(once, range(100)))

        self._run(check)

    def test_a_call_may_begin_outside_a_task(self) -> None:
        """The proxy runs each request up to its first wait before it makes a task of it."""

        async def check(subject: Subject) -> None:
            version = await _begun_outside(subject.manager.active_version(subject.key_id, _soon()))
            sealed = await _begun_outside(subject.manager.encrypt(version, b"begun outside", b"", _soon()))
            opened = await _begun_outside(subject.manager.decrypt(version, sealed, b"", _soon()))
            assert opened == b"begun outside"

        self._run(check)

    def test_a_deadline_that_has_passed_ends_the_call_at_once(self) -> None:
        """With TIMED_OUT, or with the answer where that needs no waiting."""

        async def check(subject: Subject) -> None:
            version, _ = await _seal(subject, b"warm", b"")
            began = time.monotonic()
            try:
                await subject.manager.encrypt(version, b"too late", b"", Deadline(began - 1))
            except KeyManagerError as error:
                assert error.failure is KeyManagerFailure.TIMED_OUT
            assert time.monotonic() - began < 1

        self._run(check)

    def test_a_cancelled_call_leaves_the_manager_usable(self) -> None:
        """Whoever waited has gone; the others are answered."""

        async def check(subject: Subject) -> None:
            version, sealed = await _seal(subject, b"still here", b"")
            calls = [
                asyncio.create_task(_as_coroutine(subject.manager.decrypt(version, sealed, b"", _soon())))
                for _ in range(20)
            ]
            await asyncio.sleep(0)
            for call in calls[::2]:
                call.cancel()
            answers = await asyncio.gather(*calls, return_exceptions=True)
            assert all(answer == b"still here" for answer in answers[1::2])
            assert await subject.manager.decrypt(version, sealed, b"", _soon()) == b"still here"

        self._run(check)

    def test_it_knows_that_it_is_healthy(self) -> None:
        """One to ten members, all of them active."""

        async def check(subject: Subject) -> None:
            members = await subject.manager.check_health(_soon())
            assert 1 <= len(members) <= 10
            assert {member.status for member in members} == {HealthStatus.ACTIVE}
            assert all(member.id and member.model for member in members)
            assert subject.manager.vendor

        self._run(check)

    def test_closing_twice_does_no_harm(self) -> None:
        """A server that stops may not know whether it has closed."""

        async def check(subject: Subject) -> None:
            await subject.manager.aclose()
            await subject.manager.aclose()

        self._run(check)

    def _administer(self, check: Callable[[KeyAdministrator, str], None]) -> None:
        """Run a check of an administrator with a name that no key has, in a thread as commands do."""

        async def run(subject: Subject) -> None:
            if subject.administrator is not None:
                await asyncio.to_thread(check, subject.administrator, f"made-{uuid4().hex}")

        self._run(run)

    def _run(self, check: Callable[[Subject], Awaitable[None]]) -> None:
        async def run() -> None:
            async with self.subject() as subject:
                await check(subject)

        asyncio.run(run())


_REJECTED: Final = {KeyManagerFailure.CIPHERTEXT_REJECTED}


def _soon() -> Deadline:
    return deadline_in(CALL_SECONDS)


async def _seal(subject: Subject, plaintext: bytes, aad: bytes) -> tuple[KeyVersion, Sealed]:
    version = await subject.manager.active_version(subject.key_id, _soon())
    return version, await subject.manager.encrypt(version, plaintext, aad, _soon())


async def _fails(call: Awaitable[object], expected: set[KeyManagerFailure]) -> None:
    try:
        await call
    except KeyManagerError as error:
        assert error.failure in expected, f"{error.failure} instead of {expected}"
    else:
        raise AssertionError(f"the call succeeded; {expected} was due")


async def _administer(subject: Subject, change: Callable[[KeyAdministrator], object]) -> None:
    assert subject.administrator is not None
    await asyncio.to_thread(change, subject.administrator)
    if subject.refresh is not None:
        await subject.refresh()


def _not_done(change: Callable[[], object]) -> None:
    try:
        change()
    except NotDoneError:
        return
    raise AssertionError("the change was made; NotDoneError was due")


async def _as_coroutine(call: Awaitable[T]) -> T:
    return await call


async def _begun_outside(call: Coroutine[object, None, T]) -> T:
    """Run the first step of a call from a callback of the loop, where there is no current task."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    tasks: list[asyncio.Task[T]] = []

    def settle(task: asyncio.Task[T]) -> None:
        error = task.exception()
        if error is None:
            done.set_result(task.result())
        else:
            done.set_exception(error)

    def begin() -> None:
        try:
            waiting_for = call.send(None)
        except StopIteration as end:
            done.set_result(end.value)
        except Exception as error:  # noqa: BLE001  # the test is told
            done.set_exception(error)
        else:
            tasks.append(loop.create_task(Begun(call, waiting_for)))
            tasks[0].add_done_callback(settle)

    loop.call_soon(begin)
    return await done


def _flip(value: bytes) -> bytes:
    return bytes((value[0] ^ 1,)) + value[1:]
