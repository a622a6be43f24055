"""A key manager made of several that share keys: an HSM pair, an OpenBao cluster's nodes.

Each call goes to the best member. If that has not answered after a while, a second is asked as well and the first
answer counts (a hedged call); if it fails by a fault of its own, the next is asked. All this within the one deadline of
the request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from enum import Enum
from typing import Any, Final, Generic, TypeVar, cast

from hyok.clock import Deadline
from hyok.keymanagers.breaker import says_nothing_of_the_request
from hyok.keymanagers.cluster.member import Member
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import (
    HealthStatus,
    KeyDescription,
    KeyManager,
    KeyVersion,
    MemberHealth,
    Sealed,
    VerifyingKeyManager,
    answered_by,
    encrypt_verified,
)
from hyok.transport.steps import Begun

T = TypeVar("T")
BoundT = TypeVar("BoundT")

HEDGE_AFTER_SECONDS: Final = 0.04
"""A fifth of a request's time: late enough to be rare, early enough for the second to answer."""
MAX_MEMBERS: Final = 10
"""What GetHealthStatus can report."""


class Choice(Enum):
    """Which member is asked first."""

    ORDERED = "ordered"
    """The first in the configuration that is not resting: a primary and its stand-ins."""
    FASTEST = "fastest"
    """The one that has answered fastest lately: equals."""


class ClusterKeyManager(VerifyingKeyManager):
    """A `KeyManager` over 2 to 10 others with the same keys under the same ids and version numbers."""

    def __init__(
        self,
        members: Sequence[tuple[str, KeyManager]],
        *,
        choice: Choice = Choice.ORDERED,
        hedge_after_seconds: float = HEDGE_AFTER_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 2 <= len(members) <= MAX_MEMBERS:
            raise ValueError(f"a cluster has 2 to {MAX_MEMBERS} members, not {len(members)}")
        self._members = tuple(Member(name, manager, monotonic) for name, manager in members)
        self._choice = choice
        self._hedge_after_seconds = hedge_after_seconds
        self._monotonic = monotonic

    @property
    def vendor(self) -> str:
        """The makers of the members."""
        return ", ".join(sorted({member.manager.vendor for member in self._members}))

    async def describe_key(self, key_id: str, deadline: Deadline) -> KeyDescription:
        """Describe a key."""
        return await self._ask(lambda manager: manager.describe_key(key_id, deadline), deadline)

    async def active_version(self, key_id: str, deadline: Deadline) -> KeyVersion:
        """Return the version that encrypts now."""
        return await self._ask(lambda manager: manager.active_version(key_id, deadline), deadline)

    async def encrypt(self, version: KeyVersion, plaintext: bytes, aad: bytes, deadline: Deadline) -> Sealed:
        """Encrypt on one member; a hedged call may encrypt on two, and one result is thrown away."""
        return await self._ask(lambda manager: manager.encrypt(version, plaintext, aad, deadline), deadline)

    async def encrypt_verified(
        self, version: KeyVersion, plaintext: bytes, aad: bytes, bind: Callable[[Sealed], BoundT], deadline: Deadline
    ) -> tuple[Sealed, BoundT]:
        """Encrypt, bind and decrypt again on one member, the same for all three."""
        return await self._ask(
            lambda manager: encrypt_verified(manager, version, plaintext, aad, bind, deadline), deadline
        )

    async def decrypt(self, version: KeyVersion, sealed: Sealed, aad: bytes, deadline: Deadline) -> bytes:
        """Decrypt on one member, whichever of them encrypted."""
        return await self._ask(lambda manager: manager.decrypt(version, sealed, aad, deadline), deadline)

    async def check_health(self, deadline: Deadline) -> tuple[MemberHealth, ...]:
        """Check all members side by side. One that works but has failed calls lately is DEGRADED."""
        found = await asyncio.gather(*(self._check(member, deadline) for member in self._members))
        return tuple(health for of_member in found for health in of_member)[:MAX_MEMBERS]

    async def aclose(self) -> None:
        """Close all members."""
        for member in self._members:
            await member.manager.aclose()

    async def _ask(self, call: Callable[[KeyManager], Coroutine[Any, Any, T]], deadline: Deadline) -> T:
        first, *others = self._in_order()
        first.breaker.note_asked()
        attempt = _Attempt(first, call(first.manager), self._monotonic)
        if attempt.is_done:
            # Answered without waiting: no task, no timer, no second.
            return await self._take(attempt, others, call, deadline)
        return await self._race([attempt], others, call, deadline)

    async def _take(
        self,
        attempt: _Attempt[T],
        others: list[Member],
        call: Callable[[KeyManager], Coroutine[Any, Any, T]],
        deadline: Deadline,
    ) -> T:
        try:
            return attempt.result()
        except KeyManagerError as error:
            if not says_nothing_of_the_request(error) or not others or self._monotonic() >= deadline:
                raise
        return await self._race([], others, call, deadline)

    async def _race(
        self,
        running: list[_Attempt[T]],
        others: list[Member],
        call: Callable[[KeyManager], Coroutine[Any, Any, T]],
        deadline: Deadline,
    ) -> T:
        failure = KeyManagerError(KeyManagerFailure.UNAVAILABLE, "no member of the cluster answered")
        was_slow = True
        try:
            while running or others:
                if not running:
                    running.append(self._begin(others.pop(0), call))
                finished = await self._await_one(running, deadline, is_last=not others)
                if not finished:
                    if self._monotonic() >= deadline:
                        raise KeyManagerError(KeyManagerFailure.TIMED_OUT, "no member of the cluster answered in time")
                    # The hedge: whoever answers first.
                    running.append(self._begin(others.pop(0), call))
                for attempt in finished:
                    running.remove(attempt)
                    try:
                        return attempt.result()
                    except KeyManagerError as error:
                        if not says_nothing_of_the_request(error):
                            raise
                        failure = error
            raise failure
        except asyncio.CancelledError:
            was_slow = False  # the caller has gone, and no member is to blame
            raise
        finally:
            for attempt in running:
                attempt.abandon(was_slow=was_slow)

    def _begin(self, member: Member, call: Callable[[KeyManager], Coroutine[Any, Any, T]]) -> _Attempt[T]:
        return _Attempt(member, call(member.manager), self._monotonic)

    async def _await_one(
        self, running: Sequence[_Attempt[T]], deadline: Deadline, *, is_last: bool
    ) -> list[_Attempt[T]]:
        """Return the attempts that are done, after waiting for the first; none if it is time for a second."""
        done = [attempt for attempt in running if attempt.is_done]
        if done:
            return done
        patience = max(0.0, deadline - self._monotonic())
        if not is_last:
            patience = min(patience, self._hedge_after_seconds)
        timeout = None if patience == float("inf") else patience
        await asyncio.wait(
            [attempt.task for attempt in running if attempt.task is not None],
            timeout=timeout,
            return_when=asyncio.FIRST_COMPLETED,
        )
        return [attempt for attempt in running if attempt.is_done]

    def _in_order(self) -> list[Member]:
        """Return all members, the one to ask first in front; those that rest come last, in case nobody else is left."""
        match self._choice:
            case Choice.ORDERED:
                return sorted(self._members, key=lambda member: member.breaker.is_resting)
            case Choice.FASTEST:
                return sorted(self._members, key=lambda member: (member.breaker.is_resting, member.latency_seconds))

    async def _check(self, member: Member, deadline: Deadline) -> tuple[MemberHealth, ...]:
        try:
            found = await member.manager.check_health(deadline)
        except KeyManagerError:
            return (MemberHealth(member.name, member.manager.vendor, HealthStatus.UNAVAILABLE),)
        return tuple(_named(health, member, is_all=len(found) == 1) for health in found)


class _Attempt(Generic[T]):
    """One call on one member, begun: done at once, or carried on by a task."""

    def __init__(self, member: Member, call: Coroutine[Any, Any, T], monotonic: Callable[[], float]) -> None:
        self._member = member
        self._monotonic = monotonic
        self._began_at = monotonic()
        self.task: asyncio.Task[T] | None = None
        self._answer: T | None = None
        self._error: KeyManagerError | None = None
        try:
            waiting_for = call.send(None)
        except StopIteration as end:
            self._answer = end.value
        except KeyManagerError as error:
            self._error = error
        else:
            self.task = asyncio.get_running_loop().create_task(Begun(call, waiting_for))

    @property
    def is_done(self) -> bool:
        """Tell whether `result` has something to give."""
        return self.task is None or self.task.done()

    def result(self) -> T:
        """Return the answer or raise the error, and let the member's reputation know."""
        answered_by.set(self._member.name)
        try:
            answer = self._outcome()
        except KeyManagerError as error:
            if says_nothing_of_the_request(error):
                self._member.breaker.note_failure()
            else:
                self._member.note_answer(self._monotonic() - self._began_at)
            raise
        self._member.note_answer(self._monotonic() - self._began_at)
        return answer

    def abandon(self, *, was_slow: bool) -> None:
        """Wait no longer; that another was faster, or the deadline has passed, counts against the member."""
        if self.task is not None and not self.task.done():
            if was_slow:
                self._member.breaker.note_failure()
            self.task.add_done_callback(_forget)
            self.task.cancel()

    def _outcome(self) -> T:
        if self._error is not None:
            raise self._error
        if self.task is None:
            return cast("T", self._answer)
        if self.task.cancelled():
            raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, "the member cancelled its own call")
        return self.task.result()


def _forget(task: asyncio.Task[T]) -> None:
    # Asking for the error is what keeps asyncio from reporting that nobody did.
    if not task.cancelled():
        task.exception()


def _named(health: MemberHealth, member: Member, *, is_all: bool) -> MemberHealth:
    status = health.status
    if member.breaker.is_suspect and status is HealthStatus.ACTIVE:
        status = HealthStatus.DEGRADED
    # A token that is away cannot say what it is called: the name in the configuration is always known.
    return MemberHealth(member.name if is_all else f"{member.name}/{health.id}", health.model, status)
