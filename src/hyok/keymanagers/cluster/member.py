"""One member of a cluster: how fast it answers, and whether it is worth asking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hyok.keymanagers.errors import KeyManagerFailure
from hyok.keymanagers.interface import KeyManager

FAILURES_BEFORE_REST: Final = 3
"""In a row; one may be chance."""
FIRST_REST_SECONDS: Final = 1.0
LONGEST_REST_SECONDS: Final = 30.0
_LATENCY_WEIGHT: Final = 0.1
"""Of the newest answer in the moving average."""


class Member:
    """A key manager, watched.

    After three failures of its own in a row it rests, twice as long each time; then one call tries whether it is back
    (a circuit breaker). A refusal is no failure: whoever refuses is there.
    """

    def __init__(self, name: str, manager: KeyManager, monotonic: Callable[[], float]) -> None:
        self.name = name
        self.manager = manager
        self.latency_seconds = 0.0
        """A moving average of how long it took to answer; 0 until it has."""
        self._monotonic = monotonic
        self._failures = 0
        self._rest_seconds = FIRST_REST_SECONDS
        self._rests_until = 0.0

    @property
    def is_resting(self) -> bool:
        """Tell whether it has failed too often lately to be asked first."""
        return self._failures >= FAILURES_BEFORE_REST and self._monotonic() < self._rests_until

    @property
    def is_suspect(self) -> bool:
        """Tell whether it has failed too often and has not answered since."""
        return self._failures >= FAILURES_BEFORE_REST

    def note_answer(self, took_seconds: float) -> None:
        """It answered, with a result or a refusal."""
        self._failures = 0
        self._rest_seconds = FIRST_REST_SECONDS
        before = self.latency_seconds or took_seconds
        self.latency_seconds = before + _LATENCY_WEIGHT * (took_seconds - before)

    def note_failure(self) -> None:
        """It failed to answer."""
        self._failures += 1
        if self._failures >= FAILURES_BEFORE_REST:
            self._rests_until = self._monotonic() + self._rest_seconds
            self._rest_seconds = min(LONGEST_REST_SECONDS, self._rest_seconds * 2)


def is_of_the_member(failure: KeyManagerFailure) -> bool:
    """Tell whether a failure says something of the member, so that another may do better, or of the request."""
    match failure:
        case KeyManagerFailure.OVERLOADED | KeyManagerFailure.TIMED_OUT | KeyManagerFailure.UNAVAILABLE:
            return True
        case (
            KeyManagerFailure.KEY_NOT_FOUND
            | KeyManagerFailure.KEY_DISABLED
            | KeyManagerFailure.USAGE_NOT_PERMITTED
            | KeyManagerFailure.CIPHERTEXT_REJECTED
            | KeyManagerFailure.UNSUPPORTED
        ):
            return False
