"""One member of a cluster: how fast it answers, and whether it is worth asking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hyok.keymanagers.breaker import Breaker
from hyok.keymanagers.interface import KeyManager

_LATENCY_WEIGHT: Final = 0.1
"""Of the newest answer in the moving average."""


class Member:
    """A key manager, watched."""

    def __init__(self, name: str, manager: KeyManager, monotonic: Callable[[], float]) -> None:
        self.name = name
        self.manager = manager
        self.breaker = Breaker(monotonic)
        self.latency_seconds = 0.0
        """A moving average of how long it took to answer; 0 until it has."""

    def note_answer(self, took_seconds: float) -> None:
        """It answered, with a result or a refusal."""
        self.breaker.note_answer()
        before = self.latency_seconds or took_seconds
        self.latency_seconds = before + _LATENCY_WEIGHT * (took_seconds - before)
