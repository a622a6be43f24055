"""Random operations on two key managers, whose outcomes must be the same. Needs Hypothesis, which finds short cases.

In a test module, derive from `KeyManagerComparison` and say how to open the two:

    class TestMineLikeTheEmbeddedOne(KeyManagerComparison):
        @asynccontextmanager
        async def subjects(self) -> AsyncIterator[tuple[Subject, Subject]]:
            async with opened_mine() as mine, opened_other() as other:
                yield mine, other

A manager with an administrator is compared in rotation and disabling too, if both have one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from enum import Enum, auto
from typing import Any, Final, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from hyok.clock import Deadline, deadline_in
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyAdministrator, KeyVersion, Sealed, encrypt_verified
from hyok.testing.key_managers.subject import CALL_SECONDS, Subject


class Alteration(Enum):
    """What is changed of a ciphertext before it is decrypted."""

    NOTHING = auto()
    CIPHERTEXT = auto()
    IV = auto()
    TAG = auto()
    SHORTER_TAG = auto()
    AAD = auto()
    VERSION = auto()
    KEY = auto()


class Encrypt(NamedTuple):
    """Encrypt under the active version."""

    is_other_key: bool
    plaintext: bytes
    aad: bytes
    is_verified: bool


class Decrypt(NamedTuple):
    """Decrypt one of the ciphertexts so far, as it is or altered."""

    which: int
    alteration: Alteration


class Describe(NamedTuple):
    """Ask what a key is."""

    is_other_key: bool


class Change(Enum):
    """What an administrator does to the first key."""

    ROTATE = auto()
    DISABLE = auto()
    ENABLE = auto()


Operation = Encrypt | Decrypt | Describe | Change

_USES: Final = st.one_of(
    st.builds(Encrypt, st.booleans(), st.binary(min_size=1, max_size=64), st.binary(max_size=32), st.booleans()),
    st.builds(Decrypt, st.integers(0, 99), st.sampled_from(Alteration)),
    st.builds(Describe, st.booleans()),
)
_FIRST: Final = Encrypt(is_other_key=False, plaintext=b"something to decrypt", aad=b"", is_verified=False)
_ALL: Final = st.one_of(_USES, _USES, st.sampled_from(Change))
_REFUSED_EITHER_WAY: Final = frozenset({KeyManagerFailure.KEY_DISABLED, KeyManagerFailure.CIPHERTEXT_REJECTED})


class KeyManagerComparison:
    """Two key managers do the same."""

    examples = 25
    """How many sequences of operations."""
    operations = 25
    """How many there are in a sequence at most, and half as many at least."""

    def subjects(self) -> AbstractAsyncContextManager[tuple[Subject, Subject]]:
        """Open both for one test."""
        raise NotImplementedError("say how to open the two key managers")

    def test_random_operations_end_alike_on_both(self) -> None:
        """Answers, refusals and their kinds; versions by their order, ciphertexts by what they decrypt to."""
        with asyncio.Runner() as runner:
            stack = AsyncExitStack()
            left, right = runner.run(_enter(stack, self.subjects()))
            both_change = left.administrator is not None and right.administrator is not None
            sequences = st.lists(
                _ALL if both_change else _USES, min_size=self.operations // 2, max_size=self.operations
            )

            @settings(
                max_examples=self.examples,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )
            @given(sequences)
            def compare(operations: Sequence[Operation]) -> None:
                runner.run(_compare(left, right, operations))

            try:
                compare()
            finally:
                runner.run(stack.aclose())


async def _enter(
    stack: AsyncExitStack, subjects: AbstractAsyncContextManager[tuple[Subject, Subject]]
) -> tuple[Subject, Subject]:
    return await stack.enter_async_context(subjects)


async def _compare(left: Subject, right: Subject, operations: Sequence[Operation]) -> None:
    sides = [_Side(left), _Side(right)]
    for side in sides:
        await side.begin()
    for number, operation in enumerate((_FIRST, *operations)):
        on_left, on_right = [await side.perform(operation) for side in sides]
        is_alike = on_left == on_right or {on_left, on_right} <= _REFUSED_EITHER_WAY
        assert is_alike, f"operation {number}, {operation}: {on_left} here, {on_right} there"


class _Kept(NamedTuple):
    version: KeyVersion
    sealed: Sealed
    aad: bytes


class _Side:
    """One of the two, and what was sealed with it in this sequence."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._manager = subject.manager
        self._kept: list[_Kept] = []
        self._ranks: dict[KeyVersion, int] = {}

    async def begin(self) -> None:
        """Undo what earlier sequences did."""
        if self._subject.administrator is not None:
            description = await self._manager.describe_key(self._subject.key_id, _soon())
            if not description.is_enabled:
                await self._change(Change.ENABLE)

    async def perform(self, operation: Operation) -> object:
        """Return what comes of an operation, in words that the other side can have too."""
        try:
            return await self._perform(operation)
        except KeyManagerError as error:
            return error.failure

    def _perform(self, operation: Operation) -> Coroutine[Any, Any, object]:
        match operation:
            case Encrypt():
                return self._encrypt(operation)
            case Decrypt():
                return self._decrypt(operation)
            case Describe(is_other_key):
                return self._manager.describe_key(self._key(is_other_key=is_other_key), _soon())
            case Change():
                return self._change(operation)

    async def _encrypt(self, asked: Encrypt) -> object:
        version = await self._manager.active_version(self._key(is_other_key=asked.is_other_key), _soon())
        if asked.is_verified:
            sealed, bound = await encrypt_verified(
                self._manager, version, asked.plaintext, asked.aad, lambda output: output, _soon()
            )
            assert bound == sealed, "what binds is given another output than the caller"
        else:
            sealed = await self._manager.encrypt(version, asked.plaintext, asked.aad, _soon())
        self._kept.append(_Kept(version, sealed, asked.aad))
        return "sealed", self._rank(version), len(sealed.ciphertext), len(sealed.tag)

    async def _decrypt(self, asked: Decrypt) -> object:
        if not self._kept:
            return "nothing to decrypt"
        version, sealed, aad = self._kept[asked.which % len(self._kept)]
        match asked.alteration:
            case Alteration.NOTHING:
                pass
            case Alteration.CIPHERTEXT:
                sealed = structs.replace(sealed, ciphertext=_flip(sealed.ciphertext))
            case Alteration.IV:
                sealed = structs.replace(sealed, iv=_flip(sealed.iv))
            case Alteration.TAG:
                sealed = structs.replace(sealed, tag=_flip(sealed.tag))
            case Alteration.SHORTER_TAG:
                sealed = structs.replace(sealed, tag=sealed.tag[:-1])
            case Alteration.AAD:
                aad = aad + b"."
            case Alteration.VERSION:
                version = version._replace(number=version.number + 1000)
            case Alteration.KEY:
                other = self._key(is_other_key=version.key_id == self._subject.key_id)
                version = (await self._manager.active_version(other, _soon()))._replace(key_id=other)
        return await self._manager.decrypt(version, sealed, aad, _soon())

    async def _change(self, change: Change) -> object:
        administrator = self._subject.administrator
        assert administrator is not None
        await asyncio.to_thread(_apply, administrator, self._subject.key_id, change)
        if self._subject.refresh is not None:
            await self._subject.refresh()
        return change

    def _key(self, *, is_other_key: bool) -> str:
        return self._subject.other_key_id if is_other_key else self._subject.key_id

    def _rank(self, version: KeyVersion) -> int:
        """Return the version's place among those seen; how they are numbered is each manager's own business."""
        of_key = [seen for seen in self._ranks if seen.key_id == version.key_id]
        return self._ranks.setdefault(version, len(of_key))


def _apply(administrator: KeyAdministrator, key_id: str, change: Change) -> None:
    match change:
        case Change.ROTATE:
            administrator.rotate_key(key_id)
        case Change.DISABLE:
            administrator.disable_key(key_id)
        case Change.ENABLE:
            administrator.enable_key(key_id)


def _soon() -> Deadline:
    return deadline_in(CALL_SECONDS)


def _flip(value: bytes) -> bytes:
    return bytes((value[0] ^ 1,)) + value[1:]
