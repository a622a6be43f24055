"""A coroutine that was begun without a task, carried on in one or without.

Most answers never wait, because the keys are in memory: `coroutine.send(None)` runs them to their end for the price of
a call. One that does wait yields the future it waits for. If that is a `Reply`, whoever runs the coroutine is told when
to send again. Else a task made of `Begun` awaits the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Reply(asyncio.Future[T]):
    """What comes from a peer. Who waits for it outside a task is told by `go_on`; to others it is a future as any.

    A task costs more than many an answer: it is entered into a registry, copies the context, and takes a turn of the
    loop to go on and another to tell that it has ended.
    """

    __slots__ = ("go_on",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.go_on: Callable[[], None] | None = None
        """Called once the reply is there, or will never be."""

    def set_result(self, result: T) -> None:
        """Be there."""
        super().set_result(result)
        if self.go_on is not None:
            self.go_on()

    def set_exception(self, exception: type | BaseException) -> None:
        """Raise this where the reply is waited for."""
        super().set_exception(exception)
        if self.go_on is not None:
            self.go_on()

    def cancel(self, msg: object = None) -> bool:
        """Raise CancelledError where the reply is waited for."""
        is_cancelled = super().cancel(msg)
        if is_cancelled and self.go_on is not None:
            self.go_on()
        return is_cancelled


class Paused(NamedTuple):
    """A coroutine that waits for a `Reply` outside any task. To be run on once that is done, not before."""

    coroutine: Coroutine[Any, Any, Any]
    reply: Reply[Any]


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
