"""Gathers what waits: many encryptions, or decryptions, under one key travel in one request.

The first item leaves at the end of the loop's turn, with all that came in the same turn. While as many requests of a
key are under way as there may be, what comes gathers, and leaves when one of them returns. So nothing waits for
company, and the busier the key, the larger the batches.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

from hyok.clock import Deadline
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.tasks import OwnTasks, fail_at

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
Send = Callable[[str, Sequence[ItemT], Deadline], Awaitable[Sequence[ResultT | KeyManagerError]]]
"""Sends a batch under one key and returns a result or an error for each item; KeyManagerError fails them all."""


class BatchLimits(NamedTuple):
    """How much goes together, and how much may wait."""

    requests_per_key: int = 2
    """Under way at once. With one only, a request that is lost on the way would hold up all others until its end."""
    items: int = 64
    """In a request. OpenBao refuses JSON of more than 1000 strings; an item has five."""
    request_bytes: int = 512 * 1024
    """In the items of a request, before Base64; a larger item travels alone."""
    waiting_items: int = 4096
    """Not sent yet, of all keys; one more is OVERLOADED."""


DEFAULT_LIMITS: Final = BatchLimits()


class Batches(Generic[ItemT, ResultT]):
    """The batches of one operation. Belongs to the loop's thread."""

    def __init__(self, send: Send[ItemT, ResultT], tasks: OwnTasks, limits: BatchLimits = DEFAULT_LIMITS) -> None:
        self._send = send
        self._tasks = tasks
        self._limits = limits
        self._queues: dict[str, _Queue[ItemT]] = {}
        self._waiting = 0

    async def result(self, key_name: str, item: ItemT, *, item_bytes: int, deadline: Deadline) -> ResultT:
        """Send an item with others and return its result. KeyManagerError, also at its own deadline.

        Runs outside a task as well.
        """
        if self._waiting >= self._limits.waiting_items:
            raise KeyManagerError(KeyManagerFailure.OVERLOADED, f"{self._waiting} requests wait for Transit already")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[ResultT] = loop.create_future()
        queue = self._queues.get(key_name)
        if queue is None:
            queue = self._queues[key_name] = _Queue()
        queue.waiting.append(_Waiting(item, item_bytes, deadline, future))
        self._waiting += 1
        if not queue.is_flush_due and queue.under_way < self._limits.requests_per_key:
            queue.is_flush_due = True
            loop.call_soon(self._flush, key_name, queue)
        timer = fail_at(deadline, future)
        try:
            return await future
        finally:
            if timer is not None:
                timer.cancel()
            del future  # else an error that came out of it, and this frame, would hold each other

    @property
    def waiting(self) -> int:
        """How many items are not sent yet."""
        return self._waiting

    @property
    def under_way(self) -> int:
        """How many requests, of up to 64 items, the server has not answered."""
        return sum(queue.under_way for queue in self._queues.values())

    def close(self) -> None:
        """Fail what waits; nothing is sent any more. What is under way ends with the tasks."""
        for queue in self._queues.values():
            for waiting in queue.waiting:
                _fail(waiting, KeyManagerError(KeyManagerFailure.UNAVAILABLE, "the key manager was closed"))
            self._waiting -= len(queue.waiting)
            queue.waiting.clear()

    def _flush(self, key_name: str, queue: _Queue[ItemT]) -> None:
        queue.is_flush_due = False
        while queue.waiting and queue.under_way < self._limits.requests_per_key:
            batch = self._next_batch(queue)
            if batch:
                queue.under_way += 1
                self._tasks.spawn(self._send_batch(key_name, queue, batch))
        if not queue.waiting and not queue.under_way and self._queues.get(key_name) is queue:
            del self._queues[key_name]

    def _next_batch(self, queue: _Queue[ItemT]) -> list[_Waiting[ItemT]]:
        batch: list[_Waiting[ItemT]] = []
        batch_bytes = 0
        while queue.waiting and len(batch) < self._limits.items:
            batch_bytes += queue.waiting[0].item_bytes
            if batch and batch_bytes > self._limits.request_bytes:
                break
            waiting = queue.waiting.popleft()
            self._waiting -= 1
            if not waiting.future.done():  # else it was too late or its caller has gone
                batch.append(waiting)
        return batch

    async def _send_batch(self, key_name: str, queue: _Queue[ItemT], batch: list[_Waiting[ItemT]]) -> None:
        try:
            latest = max(waiting.deadline for waiting in batch)
            results = await self._send(key_name, [waiting.item for waiting in batch], latest)
            for waiting, result in zip(batch, results, strict=True):
                if isinstance(result, KeyManagerError):
                    _fail(waiting, result)
                elif not waiting.future.done():
                    waiting.future.set_result(result)
        except KeyManagerError as error:
            for waiting in batch:
                _fail(waiting, error)
        finally:
            for waiting in batch:  # those that a cancellation or a defect left
                _fail(waiting, KeyManagerError(KeyManagerFailure.UNAVAILABLE, "the request to Transit was given up"))
            queue.under_way -= 1
            self._flush(key_name, queue)


class _Waiting(NamedTuple, Generic[ItemT]):
    item: ItemT
    item_bytes: int
    deadline: Deadline
    future: asyncio.Future[Any]


class _Queue(Generic[ItemT]):
    """What waits under one key, and how many requests are under way."""

    __slots__ = ("is_flush_due", "under_way", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[_Waiting[ItemT]] = deque()
        self.under_way = 0
        self.is_flush_due = False


def _fail(waiting: _Waiting[ItemT], error: KeyManagerError) -> None:
    if not waiting.future.done():
        waiting.future.set_exception(error)
