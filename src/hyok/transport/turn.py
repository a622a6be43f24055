"""One turn of the loop: everybody is read, then everybody is answered, then the records are made safe, then all leaves.

Kept apart for two reasons. The service makes its records durable once a turn, however many requests came. And the
code of each step is far larger than a processor's first cache for instructions: request after request, the same step
finds it there; step after step for each request, it does not.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from hyok.transport.messages import HttpService
from hyok.transport.responses import ResponseEncoder

_log = logging.getLogger("hyok.transport")


class Requester(Protocol):
    """Who has requests that came whole."""

    def answer_requests(self) -> None:
        """Answer them, as far as that can be done without waiting."""
        ...


class Recipient(Protocol):
    """To whom an answer goes."""

    def write(self, payload: bytes, *, is_last: bool) -> None:
        """Send an answer that may leave."""
        ...


class Turn:
    """Gathers what a turn of the loop brings, and ends the turn.

    No answer leaves before its record is safe. If the records cannot be made so, none of the turn's answers leaves and
    each is replaced: what was done without a record must not be of use to anybody.
    """

    __slots__ = ("_answers", "_call_soon", "_encoder", "_has_end", "_is_failing", "_requesters", "_service")

    def __init__(self, service: HttpService, encoder: ResponseEncoder, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._encoder = encoder
        self._call_soon = loop.call_soon
        self._requesters: list[Requester] = []
        self._answers: list[tuple[Recipient, bytes, bool, bool]] = []
        self._has_end = False
        self._is_failing = False

    def ask(self, requester: Requester) -> None:
        """Let this one's requests be answered when everybody has been read."""
        self._requesters.append(requester)
        self._come_to_an_end()

    def add(self, recipient: Recipient, payload: bytes, *, is_last: bool, is_head: bool = False) -> None:
        """Let an answer go at the end of this turn; `is_head` if it answers HEAD and thus has no body."""
        self._answers.append((recipient, payload, is_last, is_head))
        self._come_to_an_end()

    def _come_to_an_end(self) -> None:
        if not self._has_end:
            self._has_end = True
            self._call_soon(self._end)

    def _end(self) -> None:
        # 1. Answer.
        requesters = self._requesters
        self._requesters = []
        for requester in requesters:
            requester.answer_requests()
        answers = self._answers
        self._answers = []
        self._has_end = False
        # 2. Record. (Whoever begins to wait for something answers in a later turn.)
        try:
            self._service.before_answers_leave()
        except Exception as error:  # noqa: BLE001  # whatever the reason: without a record nothing leaves
            self._note_failure(error)
            answers = [self._replace(*answer) for answer in answers]
        else:
            self._is_failing = False
        # 3. Let go.
        for recipient, payload, is_last, _ in answers:
            recipient.write(payload, is_last=is_last)

    def _note_failure(self, error: Exception) -> None:
        if not self._is_failing:
            _log.error("answers are withheld: their records cannot be made durable", exc_info=error)
        self._is_failing = True

    def _replace(
        self, recipient: Recipient, payload: bytes, is_last: bool, is_head: bool
    ) -> tuple[Recipient, bytes, bool, bool]:
        del payload  # it must not leave
        failed = self._encoder.encode(self._service.answer_failed(), closes=is_last, is_head=is_head)
        return recipient, failed, is_last, is_head
