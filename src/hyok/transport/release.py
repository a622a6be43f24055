"""The last gate: no answer leaves before its record is safe."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from hyok.transport.messages import HttpService
from hyok.transport.responses import ResponseEncoder

_log = logging.getLogger("hyok.transport")


class Recipient(Protocol):
    """To whom an answer goes."""

    def write(self, payload: bytes, *, is_last: bool) -> None:
        """Send an answer that may leave."""
        ...


class AnswerRelease:
    """Gathers the answers of one turn of the loop and lets them go together, once their records are safe.

    However many connections were answered, the service makes its records durable once a turn. If it cannot, none of
    the answers leaves and each is replaced: what was done without a record must not be of use to anybody.
    """

    __slots__ = ("_answers", "_call_soon", "_encoder", "_is_failing", "_service")

    def __init__(self, service: HttpService, encoder: ResponseEncoder, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._encoder = encoder
        self._call_soon = loop.call_soon
        self._answers: list[tuple[Recipient, bytes, bool, bool]] = []
        self._is_failing = False

    def add(self, recipient: Recipient, payload: bytes, *, is_last: bool, is_head: bool = False) -> None:
        """Let an answer go at the end of this turn; `is_head` if it answers HEAD and thus has no body."""
        if not self._answers:
            self._call_soon(self._let_go)
        self._answers.append((recipient, payload, is_last, is_head))

    def _let_go(self) -> None:
        answers = self._answers
        self._answers = []
        try:
            self._service.before_answers_leave()
        except Exception as error:  # noqa: BLE001  # whatever the reason: without a record nothing leaves
            self._note_failure(error)
            answers = [self._replace(*answer) for answer in answers]
        else:
            self._is_failing = False
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
