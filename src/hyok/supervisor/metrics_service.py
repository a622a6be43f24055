"""GET /metrics, answered by the parent, which alone knows of all workers. On a listener of its own, over plain HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hyok.metrics.exposition import CONTENT_TYPE
from hyok.transport.messages import HttpRequest, HttpResponse
from hyok.transport.plain_text import PlainTextService

_METRICS: Final = b"/metrics"
_METHODS: Final = frozenset((b"GET", b"HEAD"))


def metrics_service(render: Callable[[], bytes]) -> PlainTextService:
    """Serve the metrics to Prometheus, and nothing else."""

    def answer(request: HttpRequest) -> HttpResponse | None:
        if request.method in _METHODS and request.target.partition(b"?")[0] == _METRICS:
            return HttpResponse(200, render(), content_type=CONTENT_TYPE)
        return None

    return PlainTextService(answer, offered=b"is /metrics")
