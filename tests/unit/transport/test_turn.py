"""No answer leaves before the records of its turn are safe."""

from __future__ import annotations

import asyncio
import logging

import pytest

from hyok.transport.responses import ResponseEncoder
from hyok.transport.turn import Turn
from tests.unit.transport.doubles import ScriptedService


class Recipient:
    """Collects what it is sent."""

    def __init__(self, service: ScriptedService) -> None:
        self._service = service
        self.sent: list[tuple[bytes, bool]] = []

    def write(self, payload: bytes, is_last: bool) -> None:
        """Collect it; the records must be safe by now."""
        assert self._service.releases
        self.sent.append((payload, is_last))

    def abort(self) -> None:
        """Not called: it has no faults."""
        raise NotImplementedError


class Faulty:
    """A connection with a defect."""

    def __init__(self) -> None:
        self.cuts = 0

    def answer_requests(self) -> None:
        """Fail."""
        raise RuntimeError

    def write(self, payload: bytes, is_last: bool) -> None:
        """Fail."""
        raise RuntimeError

    def abort(self) -> None:
        """Count it."""
        self.cuts += 1


async def make_turn(service: ScriptedService) -> Turn:
    return Turn(service, ResponseEncoder(0.0), asyncio.get_running_loop())


def test_the_answers_of_one_turn_leave_together_after_one_release() -> None:
    async def scenario() -> None:
        service = ScriptedService()
        turn = await make_turn(service)
        first, second = Recipient(service), Recipient(service)
        turn.add(first, b"1", is_last=False)
        turn.add(second, b"2", is_last=False)
        turn.add(first, b"3", is_last=True)
        assert first.sent == second.sent == []
        await asyncio.sleep(0)
        assert service.releases == 1
        assert first.sent == [(b"1", False), (b"3", True)]
        assert second.sent == [(b"2", False)]

    asyncio.run(scenario())


def test_each_turn_has_a_release_of_its_own() -> None:
    async def scenario() -> None:
        service = ScriptedService()
        turn = await make_turn(service)
        recipient = Recipient(service)
        for number in range(3):
            turn.add(recipient, b"%d" % number, is_last=False)
            await asyncio.sleep(0)
        assert service.releases == 3
        await asyncio.sleep(0)
        assert service.releases == 3

    asyncio.run(scenario())


def test_an_answer_whose_record_is_not_safe_does_not_leave(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        service = ScriptedService()
        service.unsafe = OSError(28, "No space left on device")
        turn = await make_turn(service)
        recipient = Recipient(service)
        turn.add(recipient, b"HTTP/1.1 200 OK\r\n\r\nsecret", is_last=False)
        turn.add(recipient, b"HTTP/1.1 200 OK\r\n\r\nsecret", is_last=True, is_head=True)
        await asyncio.sleep(0)
        (first, first_is_last), (second, second_is_last) = recipient.sent
        assert first.startswith(b"HTTP/1.1 500 ")
        assert first.endswith(b"\r\n\r\nfailed")
        assert second.endswith(b"connection: close\r\n\r\n")
        assert (first_is_last, second_is_last) == (False, True)

    asyncio.run(scenario())
    assert "withheld" in caplog.text


def test_answers_leave_again_when_records_are_safe_again_and_the_failure_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        service = ScriptedService()
        turn = await make_turn(service)
        recipient = Recipient(service)
        service.unsafe = OSError(28, "No space left on device")
        for _ in range(3):
            turn.add(recipient, b"lost", is_last=False)
            await asyncio.sleep(0)
        service.unsafe = None
        turn.add(recipient, b"good", is_last=False)
        await asyncio.sleep(0)
        assert recipient.sent[-1] == (b"good", False)
        assert b"lost" not in [payload for payload, _ in recipient.sent]

    with caplog.at_level(logging.ERROR):
        asyncio.run(scenario())
    assert caplog.text.count("withheld") == 1


def test_answers_wait_until_their_records_are_synced_and_leave_in_the_order_of_their_turns() -> None:
    async def scenario() -> None:
        service = ScriptedService()
        first, third = asyncio.get_running_loop().create_future(), asyncio.get_running_loop().create_future()
        service.syncs = [first, None, third]
        turn = await make_turn(service)
        recipient = Recipient(service)
        for number in range(3):
            turn.add(recipient, b"%d" % number, is_last=False)
            await asyncio.sleep(0)
        assert recipient.sent == []
        third.set_result(None)
        await asyncio.sleep(0)
        assert recipient.sent == []  # it is safe, and those before it are not
        first.set_result(None)
        await asyncio.sleep(0)
        assert [payload for payload, _ in recipient.sent] == [b"0", b"1", b"2"]
        turn.add(recipient, b"3", is_last=True)
        await asyncio.sleep(0)
        assert recipient.sent[-1] == (b"3", True)

    asyncio.run(scenario())


def test_answers_whose_records_cannot_be_synced_are_replaced_and_no_others() -> None:
    async def scenario() -> None:
        service = ScriptedService()
        first, second = asyncio.get_running_loop().create_future(), asyncio.get_running_loop().create_future()
        service.syncs = [first, second]
        turn = await make_turn(service)
        recipient = Recipient(service)
        for number in range(2):
            turn.add(recipient, b"secret %d" % number, is_last=False)
            await asyncio.sleep(0)
        first.set_exception(OSError(5, "Input/output error"))
        second.set_result(None)
        await asyncio.sleep(0)
        (replaced, _), (kept, _) = recipient.sent
        assert replaced.startswith(b"HTTP/1.1 500 ")
        assert kept == b"secret 1"

    asyncio.run(scenario())


def test_a_fault_with_one_client_keeps_no_answer_from_the_others_in_this_turn_or_a_later_one() -> None:
    async def scenario() -> None:
        service = ScriptedService()
        turn = await make_turn(service)
        faulty, sound = Faulty(), Recipient(service)
        for number in range(2):
            turn.ask(faulty)
            turn.add(faulty, b"lost", is_last=False)
            turn.add(sound, b"%d" % number, is_last=False)
            await asyncio.sleep(0)
        assert sound.sent == [(b"0", False), (b"1", False)]
        assert faulty.cuts == 4

    asyncio.run(scenario())


def test_a_turn_that_ends_early_ends_once_and_takes_everybody_along() -> None:
    async def scenario() -> None:
        service = ScriptedService()
        turn = await make_turn(service)
        first, second = Recipient(service), Recipient(service)
        turn.add(first, b"1", is_last=False)
        turn.add(second, b"2", is_last=True)
        turn.end_now()
        assert (first.sent, second.sent) == ([(b"1", False)], [(b"2", True)])
        turn.end_now()  # there is nothing left to end
        await asyncio.sleep(0.01)
        assert service.releases == 1

    asyncio.run(scenario())


def test_who_asks_while_others_are_answered_is_answered_in_the_next_turn() -> None:
    class Asking:
        def __init__(self, turn: Turn) -> None:
            self._turn = turn
            self.times = 0

        def answer_requests(self) -> None:
            self.times += 1
            if self.times == 1:
                self._turn.ask(self)

        def abort(self) -> None:
            raise NotImplementedError

    async def scenario() -> None:
        turn = await make_turn(ScriptedService())
        asking = Asking(turn)
        turn.ask(asking)
        await asyncio.sleep(0)
        assert asking.times == 1
        await asyncio.sleep(0)
        assert asking.times == 2

    asyncio.run(scenario())
