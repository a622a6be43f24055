"""Services that say a few things in plain text, from what is known already: nothing waits, and nothing is recorded."""

from __future__ import annotations

from collections.abc import Callable

from hyok.transport.messages import HttpRequest, HttpResponse, Peer, Refusal


class PlainTextService:
    """An `HttpService` for a listener of its own; whatever it does not answer is 404."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse | None], *, offered: bytes) -> None:
        """`offered` names what is there to whoever asks for something else."""
        self._answer = answer
        self._offered = offered

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer, or say what is there."""
        return self._answer(request) or plain_text(404, b"here " + self._offered)

    def refuse(self, refusal: Refusal, peer: Peer) -> HttpResponse:
        """Answer what the transport refuses by its status alone."""
        del peer  # nobody keeps a record of it
        return plain_text(refusal.value, b"refused")

    def before_answers_leave(self) -> None:
        """Let them go: nothing is recorded."""

    def answer_failed(self) -> HttpResponse:
        """Return what leaves in place of an answer that failed."""
        return plain_text(500, b"failed")


def plain_text(status: int, text: bytes) -> HttpResponse:
    """Make an answer of one line."""
    return HttpResponse(status, text + b"\n", content_type=b"text/plain")
