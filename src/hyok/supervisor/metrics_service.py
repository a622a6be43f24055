"""GET /metrics, answered by the parent, which alone knows of all workers. On a listener of its own, over plain HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hyok.metrics.exposition import CONTENT_TYPE
from hyok.transport.messages import HttpRequest, HttpResponse, Peer, Refusal

_METRICS: Final = b"/metrics"
_METHODS: Final = frozenset((b"GET", b"HEAD"))


class MetricsService:
    """The metrics and nothing else; an `HttpService`."""

    def __init__(self, render: Callable[[], bytes]) -> None:
        self._render = render

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer Prometheus; 404 for anything else."""
        if request.method in _METHODS and request.target.partition(b"?")[0] == _METRICS:
            return HttpResponse(200, self._render(), content_type=CONTENT_TYPE)
        return _say(404, b"here is /metrics")

    def refuse(self, refusal: Refusal, peer: Peer) -> HttpResponse:
        """Answer what the transport refuses by its status alone."""
        del peer  # nobody keeps a record of it
        return _say(refusal.value, b"refused")

    def before_answers_leave(self) -> None:
        """Let them go: nothing is recorded."""

    def answer_failed(self) -> HttpResponse:
        """Return what leaves in place of an answer that failed."""
        return _say(500, b"failed")


def _say(status: int, text: bytes) -> HttpResponse:
    return HttpResponse(status, text + b"\n", content_type=b"text/plain")
