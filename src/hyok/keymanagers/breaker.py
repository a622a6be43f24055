"""A circuit breaker: whether something that can fail is worth asking.

After three failures in a row it rests, twice as long each time; then one call tries whether it is back. Used for the
members of a cluster and for the copies of an external key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure, KeyRotatedError

FAILURES_BEFORE_REST: Final = 3
"""In a row; one may be chance."""
FIRST_REST_SECONDS: Final = 1.0
LONGEST_REST_SECONDS: Final = 4.0
"""What is back is to be used again within five seconds."""
TRIAL_SECONDS: Final = 0.25
"""How long one call has to try whether it is back, before another may."""


class Breaker:
    """What is known of somebody's failures. A refusal is none: whoever refuses is there."""

    __slots__ = ("_failures", "_is_tried", "_monotonic", "_rest_seconds", "_rests_until")

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures = 0
        self._is_tried = False
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

    def note_asked(self) -> None:
        """It is asked first: if that is to try whether it is back, others need not try it at the same time."""
        if self._failures >= FAILURES_BEFORE_REST and not self.is_resting:
            self._is_tried = True
            self._rests_until = self._monotonic() + TRIAL_SECONDS

    def note_answer(self) -> None:
        """It answered, with a result or a refusal."""
        self._failures = 0
        self._is_tried = False
        self._rest_seconds = FIRST_REST_SECONDS

    def note_failure(self) -> None:
        """It failed to answer."""
        self._failures += 1
        # Of many calls that fail together the first three tell it all; after that only trials do.
        if self._failures == FAILURES_BEFORE_REST or self._is_tried:
            self._is_tried = False
            self._rests_until = self._monotonic() + self._rest_seconds
            self._rest_seconds = min(LONGEST_REST_SECONDS, self._rest_seconds * 2)


def says_nothing_of_the_request(error: KeyManagerError) -> bool:
    """Tell whether a failure is one of whoever was asked, so that another may do better, or one of the request."""
    match error.failure:
        case KeyManagerFailure.OVERLOADED | KeyManagerFailure.TIMED_OUT | KeyManagerFailure.UNAVAILABLE:
            return not isinstance(error, KeyRotatedError)
        case (
            KeyManagerFailure.KEY_NOT_FOUND
            | KeyManagerFailure.KEY_DISABLED
            | KeyManagerFailure.USAGE_NOT_PERMITTED
            | KeyManagerFailure.CIPHERTEXT_REJECTED
            | KeyManagerFailure.UNSUPPORTED
        ):
            return False
