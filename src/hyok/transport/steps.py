"""A coroutine that was begun without a task, carried on in one.

Most answers never wait, because the keys are in memory: `coroutine.send(None)` runs them to their end for the price of
a call. One that does wait yields the future it waits for, and from there `carry_on` awaits the rest of it.
"""

from __future__ import annotations

import types
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar, cast

T = TypeVar("T")


async def carry_on(coroutine: Coroutine[Any, None, T], waiting_for: object) -> T:
    """Await the rest of a coroutine that has yielded `waiting_for` and was not resumed since.

    Results, exceptions and cancellation go through as if the awaiting task had run the coroutine from its start.
    """
    return await _resume(coroutine, waiting_for)


@types.coroutine
def _resume(coroutine: Coroutine[Any, None, T], waiting_for: object) -> Generator[Any, None, T]:
    # The task must be given the very object that the coroutine yielded: a future marks itself as awaited when it is
    # yielded, and the task looks for that mark.
    while True:
        try:
            yield waiting_for
        except GeneratorExit:
            coroutine.close()
            raise
        except BaseException as error:  # noqa: BLE001  # cancellation too belongs to the coroutine
            try:
                waiting_for = coroutine.throw(error)
            except StopIteration as end:
                return cast("T", end.value)
        else:
            return cast("T", (yield from coroutine))
