"""What load balancers ask: no signature, no record, and no key manager to wait for.

`/ping`: the process answers. `/ready`: this proxy can use keys, as far as it knew a moment ago.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hyok.audit.log import AuditLog
from hyok.proxy.health import HealthMonitor
from hyok.transport.messages import HttpRequest, HttpResponse
from hyok.transport.plain_text import PlainTextService, plain_text

_PING: Final = b"/ping"
_READY: Final = b"/ready"
_METHODS: Final = frozenset((b"GET", b"HEAD"))


class Probes:
    """Answers the two probes from what is known already."""

    def __init__(self, *, health: HealthMonitor, audit: AuditLog, is_stale: Callable[[], bool]) -> None:
        self._health = health
        self._audit = audit
        self._is_stale = is_stale

    def answer(self, request: HttpRequest) -> HttpResponse | None:
        """Answer GET and HEAD of the two probes; None for anything else."""
        if request.method not in _METHODS:
            return None
        if request.target == _PING:
            return plain_text(200, b"pong")
        if request.target == _READY:
            return plain_text(503, reason) if (reason := self._why_not_ready()) else plain_text(200, b"ready")
        return None

    def _why_not_ready(self) -> bytes:
        # Tried here too: nobody sends requests, which would try it, to a proxy that is not ready.
        if self._audit.is_failing and not self._audit.recover():
            return b"the audit log cannot be written"
        if self._is_stale():
            return b"the change log cannot be read"
        if not self._health.is_serving():
            return b"no key manager serves"
        return b""

    def service(self) -> PlainTextService:
        """Return the probes and nothing else, for a listener of their own."""
        return PlainTextService(self.answer, offered=b"are /ping and /ready")
