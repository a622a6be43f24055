"""How calls begin, run side by side and end: in time, cancelled, or never to be made again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Coroutine
from typing import TypeVar

from hyok.clock import Deadline
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import HealthStatus
from hyok.testing.key_managers.subject import Contract, Subject, seal, soon
from hyok.transport.steps import Begun

T = TypeVar("T")


class CallsContract(Contract):
    """How a key manager behaves."""

    def test_a_hundred_calls_at_once_are_each_answered_rightly(self) -> None:
        """None gets the answer of another."""

        async def check(subject: Subject) -> None:
            async def once(number: int) -> None:
                plaintext = b"call %d" % number
                version, sealed = await seal(subject, plaintext, b"%d" % number)
                assert await subject.manager.decrypt(version, sealed, b"%d" % number, soon()) == plaintext

            await asyncio.gather(*map(once, range(100)))

        self.run(check)

    def test_a_call_may_begin_outside_a_task(self) -> None:
        """The proxy runs each request up to its first wait before it makes a task of it."""

        async def check(subject: Subject) -> None:
            version = await _begun_outside(subject.manager.active_version(subject.key_id, soon()))
            sealed = await _begun_outside(subject.manager.encrypt(version, b"begun outside", b"", soon()))
            opened = await _begun_outside(subject.manager.decrypt(version, sealed, b"", soon()))
            assert opened == b"begun outside"

        self.run(check)

    def test_a_deadline_that_has_passed_ends_the_call_at_once(self) -> None:
        """With TIMED_OUT, or with the answer where that needs no waiting."""

        async def check(subject: Subject) -> None:
            version, _ = await seal(subject, b"warm", b"")
            began = time.monotonic()
            try:
                await subject.manager.encrypt(version, b"too late", b"", Deadline(began - 1))
            except KeyManagerError as error:
                assert error.failure is KeyManagerFailure.TIMED_OUT
            assert time.monotonic() - began < 1

        self.run(check)

    def test_a_cancelled_call_leaves_the_manager_usable(self) -> None:
        """Whoever waited has gone; the others are answered."""

        async def check(subject: Subject) -> None:
            version, sealed = await seal(subject, b"still here", b"")
            calls = [
                asyncio.create_task(_as_coroutine(subject.manager.decrypt(version, sealed, b"", soon())))
                for _ in range(20)
            ]
            await asyncio.sleep(0)
            for call in calls[::2]:
                call.cancel()
            answers = await asyncio.gather(*calls, return_exceptions=True)
            assert all(answer == b"still here" for answer in answers[1::2])
            assert await subject.manager.decrypt(version, sealed, b"", soon()) == b"still here"

        self.run(check)

    def test_it_knows_that_it_is_healthy(self) -> None:
        """One to ten members, all of them active."""

        async def check(subject: Subject) -> None:
            members = await subject.manager.check_health(soon())
            assert 1 <= len(members) <= 10
            assert {member.status for member in members} == {HealthStatus.ACTIVE}
            assert all(member.id and member.model for member in members)
            assert subject.manager.vendor

        self.run(check)

    def test_closing_twice_does_no_harm(self) -> None:
        """A server that stops may not know whether it has closed."""

        async def check(subject: Subject) -> None:
            await subject.manager.aclose()
            await subject.manager.aclose()

        self.run(check)


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
