"""The key manager under test, and what the tests of its contract are written with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple
from uuid import uuid4

from hyok.clock import Deadline, deadline_in
from hyok.errors import NotDoneError
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyAdministrator, KeyManager, KeyVersion, Sealed

CALL_SECONDS: Final = 5.0
"""Generous: what is tested is that a call ends, not how fast the machine is."""
REJECTED: Final = {KeyManagerFailure.CIPHERTEXT_REJECTED}


class Subject(NamedTuple):
    """A key manager under test and keys in it that are enabled for both usages."""

    manager: KeyManager
    key_id: str
    other_key_id: str
    administrator: KeyAdministrator | None = None
    refresh: Callable[[], Awaitable[None]] | None = None
    """Makes the manager see what its administrator changed, where it does not by itself."""


class Contract:
    """Tests of one key manager."""

    def subject(self) -> AbstractAsyncContextManager[Subject]:
        """Open the manager for one test."""
        raise NotImplementedError("say how to open the key manager")

    def run(self, check: Callable[[Subject], Awaitable[None]]) -> None:
        """Run a check of the manager on a loop of its own."""

        async def run() -> None:
            async with self.subject() as subject:
                await check(subject)

        asyncio.run(run())

    def run_administration(self, check: Callable[[KeyAdministrator, str], None]) -> None:
        """Run a check of an administrator with a name that no key has, in a thread as commands do."""

        async def run(subject: Subject) -> None:
            if subject.administrator is not None:
                await asyncio.to_thread(check, subject.administrator, f"made-{uuid4().hex}")

        self.run(run)


def soon() -> Deadline:
    """Return the deadline of a call."""
    return deadline_in(CALL_SECONDS)


async def seal(subject: Subject, plaintext: bytes, aad: bytes) -> tuple[KeyVersion, Sealed]:
    """Encrypt under the subject's first key."""
    version = await subject.manager.active_version(subject.key_id, soon())
    return version, await subject.manager.encrypt(version, plaintext, aad, soon())


async def fails(call: Awaitable[object], expected: set[KeyManagerFailure]) -> None:
    """Fail the test unless the call ends with one of these failures."""
    try:
        await call
    except KeyManagerError as error:
        assert error.failure in expected, f"{error.failure} instead of {expected}"
    else:
        raise AssertionError(f"the call succeeded; {expected} was due")


def refuses(change: Callable[[], object]) -> None:
    """Fail the test unless the change is refused."""
    try:
        change()
    except NotDoneError:
        return
    raise AssertionError("the change was made; NotDoneError was due")
