"""A coroutine that was begun without a task, carried on in one.

Most answers never wait, because the keys are in memory: `coroutine.send(None)` runs them to their end for the price of
a call. One that does wait yields the future it waits for, and a task made of `Begun` awaits the rest.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


class Begun(Coroutine[Any, Any, T]):
    """The rest of a coroutine that has yielded `waiting_for` and was not resumed since: what a task can run.

    Results, exceptions and cancellation, also before the task's first step, go through as if the task had run the
    coroutine from its start.
    """

    __slots__ = ("_coroutine", "_is_handed_over", "_waiting_for")

    def __init__(self, coroutine: Coroutine[Any, Any, T], waiting_for: object) -> None:
        self._coroutine = coroutine
        self._waiting_for = waiting_for
        self._is_handed_over = False

    def send(self, value: object) -> object:
        """Hand over what is waited for; then resume the coroutine."""
        if self._is_handed_over:
            return self._coroutine.send(value)
        # The very object that was yielded: a future marks itself as awaited, and the task looks for that mark.
        self._is_handed_over = True
        return self._waiting_for

    def throw(self, *exception: Any) -> object:
        """Raise an exception where the coroutine waits."""
        self._is_handed_over = True
        return self._coroutine.throw(*exception)

    def close(self) -> None:
        """End the coroutine where it waits."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, T]:
        raise TypeError("the rest of a begun coroutine is run by a task, not awaited")
