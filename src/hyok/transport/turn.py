"""One turn of the loop: everybody is read, then everybody is answered, then the records are made safe, then all leaves.

Kept apart for two reasons. The service makes its records durable once a turn, however many requests came. And the
code of each step is far larger than a processor's first cache for instructions: request after request, the same step
finds it there; step after step for each request, it does not.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import NamedTuple, Protocol

from hyok.transport.messages import HttpService
from hyok.transport.responses import ResponseEncoder

_log = logging.getLogger("hyok.transport")


class Requester(Protocol):
    """Who has requests that came whole."""

    def answer_requests(self) -> None:
        """Answer them, as far as that can be done without waiting."""
        ...

    def abort(self) -> None:
        """Go without answers, after a fault."""
        ...


class Recipient(Protocol):
    """To whom an answer goes."""

    def write(self, payload: bytes, is_last: bool) -> None:
        """Send an answer that may leave."""
        ...

    def abort(self) -> None:
        """Go without an answer, after a fault."""
        ...


class _Held(NamedTuple):
    """The answers of one turn, until its records are safe."""

    answers: list[tuple[Recipient, bytes, bool, bool]]
    safe: asyncio.Future[None] | None
    """None if they are already, and only the turns before are not."""


class Turn:
    """Gathers what a turn of the loop brings, and ends the turn.

    No answer leaves before its record is safe, nor before those of earlier turns. If the records cannot be made so,
    none of the turn's answers leaves and each is replaced: what was done without a record must not be of use to
    anybody. A fault with one client is that client's: a turn that did not come to its end would be the last one.
    """

    __slots__ = (
        "_answers",
        "_call_soon",
        "_encoder",
        "_held",
        "_is_failing",
        "_planned_end",
        "_requesters",
        "_service",
    )

    def __init__(self, service: HttpService, encoder: ResponseEncoder, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._encoder = encoder
        self._call_soon = loop.call_soon
        self._requesters: list[Requester] = []
        self._answers: list[tuple[Recipient, bytes, bool, bool]] = []
        self._held: deque[_Held] = deque()
        self._planned_end: asyncio.Handle | None = None
        self._is_failing = False

    def ask(self, requester: Requester) -> None:
        """Let this one's requests be answered when everybody has been read."""
        self._requesters.append(requester)
        if self._planned_end is None:
            self._planned_end = self._call_soon(self._end)

    def add(self, recipient: Recipient, payload: bytes, is_last: bool, is_head: bool = False) -> None:
        """Let an answer go at the end of this turn; `is_head` if it answers HEAD and thus has no body."""
        self._answers.append((recipient, payload, is_last, is_head))
        if self._planned_end is None:
            self._planned_end = self._call_soon(self._end)

    def end_now(self) -> None:
        """End the turn before all have been read: somebody cannot be written to any more when the loop goes on."""
        if self._planned_end is not None:
            self._planned_end.cancel()
            self._end()

    def _end(self) -> None:
        # 1. Answer.
        requesters = self._requesters
        self._requesters = []
        for requester in requesters:
            try:
                requester.answer_requests()
            except Exception as error:  # noqa: BLE001  # whatever it is, the others are to be answered
                _cut(requester, error)
        answers = self._answers
        self._answers = []
        # Who has asked meanwhile is answered in a turn of its own.
        self._planned_end = self._call_soon(self._end) if self._requesters else None
        # 2. Record. (Whoever begins to wait for something answers in a later turn.)
        safe: asyncio.Future[None] | None = None
        try:
            safe = self._service.before_answers_leave()
        except Exception as error:  # noqa: BLE001  # whatever the reason: without a record nothing leaves
            answers = self._replace_all(answers, error)
        else:
            self._is_failing = self._is_failing and safe is not None
        # 3. Let go, at once or in turn.
        if safe is None and not self._held:
            _let_go(answers)
            return
        self._held.append(_Held(answers, safe))
        if safe is not None:
            safe.add_done_callback(self._let_go_of_held)

    def _let_go_of_held(self, _done: asyncio.Future[None]) -> None:
        held = self._held
        while held and (held[0].safe is None or held[0].safe.done()):
            answers, safe = held.popleft()
            if safe is not None and (safe.cancelled() or safe.exception() is not None):
                answers = self._replace_all(answers, safe.exception() if not safe.cancelled() else None)
            else:
                self._is_failing = False
            _let_go(answers)

    def _replace_all(
        self, answers: list[tuple[Recipient, bytes, bool, bool]], error: BaseException | None
    ) -> list[tuple[Recipient, bytes, bool, bool]]:
        if not self._is_failing:
            _log.error("answers are withheld: their records cannot be made durable", exc_info=error)
        self._is_failing = True
        return [self._replace(*answer) for answer in answers]

    def _replace(
        self, recipient: Recipient, payload: bytes, is_last: bool, is_head: bool
    ) -> tuple[Recipient, bytes, bool, bool]:
        del payload  # it must not leave
        failed = self._encoder.encode(self._service.answer_failed(), is_last, is_head)
        return recipient, failed, is_last, is_head


def _let_go(answers: list[tuple[Recipient, bytes, bool, bool]]) -> None:
    for recipient, payload, is_last, _ in answers:
        try:
            recipient.write(payload, is_last)
        except Exception as error:  # noqa: BLE001  # whatever it is, the other answers are to leave
            _cut(recipient, error)


def _cut(client: Requester | Recipient, error: Exception) -> None:
    _log.error("a connection is cut: answering it raised %s", type(error).__name__, exc_info=error)
    client.abort()
