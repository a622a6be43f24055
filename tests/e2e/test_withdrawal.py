"""A freeze under load, on two proxies that share a storage: how long anything frozen is used, and what comes back."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hyok.transport.serving import run
from tests.e2e.withdrawal_rig import Answered, Load, Proxies, two_proxies
from tests.sizes import size

RUNS = size(usual=5, nightly=50)
REQUESTS_PER_SECOND = size(usual=300, nightly=1800)
"""1800 is AWS KMS's quota for one external key store."""
MOST_SECONDS = 2.0
"""From the command to the last use, without the start of Python, which is the machine's."""
PAUSE_SECONDS = 0.3


class Cycle:
    """One freeze and its end, as a client lived through it."""

    def __init__(self) -> None:
        self.began = self.frozen = self.thawing = self.thawed = 0.0
        self.said: dict[str, Any] = {}

    def last_use_after(self, answers: list[Answered]) -> float:
        """Return how long after the command was given the last request was answered with success."""
        uses = [each.answered_at for each in answers if each.outcome == "ok" and each.answered_at < self.thawing]
        return max([each - self.began for each in uses if each >= self.began], default=0.0)


def seconds_to_start(proxies: Proxies) -> float:
    """Return how long a command takes that does nothing."""
    began = time.monotonic()
    proxies.hyok("freeze", "--list")
    return time.monotonic() - began


async def freeze_and_unfreeze(proxies: Proxies) -> Cycle:
    cycle = Cycle()
    cycle.began = time.monotonic()
    cycle.said = await asyncio.to_thread(proxies.hyok, "freeze", "--keystore", "main", "--yes", "--reason", "a test")
    cycle.frozen = time.monotonic()
    await asyncio.sleep(PAUSE_SECONDS)
    cycle.thawing = time.monotonic()
    await asyncio.to_thread(proxies.hyok, "unfreeze", "--keystore", "main", "--yes")
    cycle.thawed = time.monotonic()
    await asyncio.sleep(PAUSE_SECONDS)
    return cycle


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxies]:
    with two_proxies(tmp_path_factory.mktemp("serving")) as running:
        yield running


def test_nothing_frozen_is_used_after_two_seconds_and_nothing_is_lost_when_it_comes_back(serving: Proxies) -> None:
    start = min(seconds_to_start(serving) for _ in range(2))

    async def main() -> tuple[Load, list[Cycle]]:
        load = Load(serving, per_second=REQUESTS_PER_SECOND)
        sending = asyncio.create_task(load.keep_up())
        await asyncio.sleep(PAUSE_SECONDS)
        cycles = [await freeze_and_unfreeze(serving) for _ in range(RUNS)]
        sending.cancel()
        await load.finish()
        return load, cycles

    load, cycles = run(main())
    # 1. Every request got an answer, and none another than these two.
    assert len(load.answers) == load.sent
    assert set(Counter(each.outcome for each in load.answers)) == {"ok", "InvalidStateException"}
    # 2. All four workers said that they know, and from then on nothing was used; afterwards everything was.
    for cycle in cycles:
        freeze = cycle.said["freeze"]
        assert [each["answer"] for each in freeze["servers"]] == ["acknowledged"] * 4
        frozen = [each for each in load.answers if cycle.frozen < each.sent_at and each.answered_at < cycle.thawing]
        assert frozen
        assert {each.outcome for each in frozen} == {"InvalidStateException"}
    for cycle, following in zip(cycles, [*(each.began for each in cycles[1:]), float("inf")], strict=True):
        back = [each for each in load.answers if cycle.thawed < each.sent_at and each.answered_at < following]
        assert back
        assert {each.outcome for each in back} == {"ok"}
    # 3. From the command, its start included, to the last successful use.
    seconds = [cycle.last_use_after(load.answers) for cycle in cycles]
    print(f"from command to last use: {' '.join(f'{each:.2f}' for each in sorted(seconds))} s")
    said = [cycle.said["freeze"]["effective_after_seconds"] for cycle in cycles]
    print(f"as the command says it:   {' '.join(f'{each:.2f}' for each in sorted(said))} s")
    assert max(said) <= MOST_SECONDS
    assert max(seconds) <= MOST_SECONDS + start


@pytest.fixture
def proxies(tmp_path: Path) -> Iterator[Proxies]:
    with two_proxies(tmp_path, more="\n[withdrawal]\nstale_after_seconds = 2.0\n") as running:
        yield running


def test_a_server_that_stands_still_is_named_and_uses_nothing_when_it_goes_on(proxies: Proxies) -> None:
    async def main() -> tuple[dict[str, Any], Load]:
        still, killed = proxies.workers(1)
        os.kill(still, signal.SIGSTOP)
        try:
            freeze = await asyncio.to_thread(proxies.hyok, "freeze", "--everything", "--yes")
        finally:
            os.kill(still, signal.SIGCONT)
        os.kill(killed, signal.SIGKILL)  # so that the other, which has just woken up, is the one to be asked
        load = Load(proxies, per_second=50)
        sending = asyncio.create_task(load.keep_up())
        await asyncio.sleep(1.0)
        sending.cancel()
        await load.finish()
        answers = {each["pid"]: each for each in freeze["freeze"]["servers"]}
        assert answers[still]["answer"] == "expired"
        assert answers[still]["seconds"] > 2.0
        assert freeze["freeze"]["unanswered"] == [answers[still]["server"]]
        assert sum(each["answer"] == "acknowledged" for each in answers.values()) == 3
        return freeze, load

    _, load = run(main())
    assert load.answers
    assert not [each for each in load.answers if each.outcome == "ok"]


def test_a_drill_uses_its_own_key_and_leaves_a_report_that_verifies(serving: Proxies, tmp_path: Path) -> None:
    before = serving.hyok("keystore", "list")
    report = tmp_path / "drill.txt"
    endpoint = (
        "--endpoint",
        f"localhost:{serving.ports[1]}",
        "--authorities",
        str(serving.directory / "tls/ca.pem"),
    )
    drill = serving.hyok("freeze", "--drill", "--report", str(report), *endpoint)["drill"]
    assert drill["has_passed"]
    assert [each["answer"] for each in drill["freeze"]["servers"]] == ["acknowledged"] * 4
    assert drill["uses"]["last_use_after_seconds"] <= MOST_SECONDS
    assert drill["uses"]["answers"]["ok"] > 1
    assert [each for each in drill["uses"]["answers"] if each.startswith("InvalidStateException")]
    assert serving.hyok("keystore", "list") == before
    assert serving.hyok("freeze", "--list")["freezes"] == []
    assert serving.hyok("freeze", "--verify-report", str(report))["drill"] == drill
