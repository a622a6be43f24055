from __future__ import annotations

import asyncio

import pytest

from hyok.kms.turns import Turns


def test_writes_come_one_after_another() -> None:
    steps: list[str] = []

    async def write(name: str) -> None:
        steps.append(f"{name} begins")
        await asyncio.sleep(0)
        steps.append(f"{name} ends")

    async def both() -> None:
        turns = Turns()
        await asyncio.gather(turns.take(write("one")), turns.take(write("two")))

    asyncio.run(both())
    assert steps == ["one begins", "one ends", "two begins", "two ends"]


def test_a_caller_who_goes_away_does_not_stop_a_write() -> None:
    ended: list[bool] = []

    async def write() -> None:
        await asyncio.sleep(0.01)
        ended.append(True)

    async def leave() -> None:
        turns = Turns()
        caller = asyncio.ensure_future(turns.take(write()))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await turns.take(asyncio.sleep(0))

    asyncio.run(leave())
    assert ended == [True]


def test_a_write_that_fails_lets_the_next_one_come() -> None:
    async def fail() -> None:
        raise ValueError("no")

    async def both() -> str:
        turns = Turns()
        with pytest.raises(ValueError, match="no"):
            await turns.take(fail())
        return await turns.take(asyncio.sleep(0, "next"))

    assert asyncio.run(both()) == "next"
