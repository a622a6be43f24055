from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from hyok.clock import deadline_in
from hyok.keymanagers.breaker import FAILURES_BEFORE_REST, FIRST_REST_SECONDS
from hyok.keymanagers.cluster.manager import Choice, ClusterKeyManager
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import HealthStatus, answered_by
from tests.contract.subjects import EmbeddedKeys, embedded_keys
from tests.unit.keymanagers.cluster.faulty import Fault, FaultyKeyManager

Members = tuple[FaultyKeyManager, FaultyKeyManager]


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture(scope="module")
def keys() -> Iterator[EmbeddedKeys]:
    with embedded_keys() as opened:
        yield opened


@pytest.fixture
def members(keys: EmbeddedKeys) -> Members:
    return FaultyKeyManager(keys.open_manager()), FaultyKeyManager(keys.open_manager())


def make_cluster(
    members: Members,
    *,
    choice: Choice = Choice.ORDERED,
    clock: Clock | None = None,
    hedge_after_seconds: float = 5.0,
) -> ClusterKeyManager:
    return ClusterKeyManager(
        [("first", members[0]), ("second", members[1])],
        choice=choice,
        hedge_after_seconds=hedge_after_seconds,
        monotonic=(clock or Clock()).monotonic,
    )


async def use(cluster: ClusterKeyManager, *, seconds: float = 2.0) -> None:
    version = await cluster.active_version("one", deadline_in(seconds))
    sealed = await cluster.encrypt(version, b"shared", b"", deadline_in(seconds))
    assert await cluster.decrypt(version, sealed, b"", deadline_in(seconds)) == b"shared"


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await work()

    asyncio.run(main())


def test_the_first_member_gets_all_calls_while_it_answers(members: Members) -> None:
    run(lambda: use(make_cluster(members)))
    assert (members[0].calls, members[1].calls) == (3, 0)


def test_what_one_member_sealed_another_opens(members: Members) -> None:
    async def check() -> None:
        cluster = make_cluster(members)
        version = await cluster.active_version("one", deadline_in(1))
        sealed = await cluster.encrypt(version, b"sealed by the first", b"", deadline_in(1))
        members[0].fault = Fault.UNAVAILABLE
        assert await cluster.decrypt(version, sealed, b"", deadline_in(1)) == b"sealed by the first"

    run(check)


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.HANGS, Fault.SLOW])
def test_a_failing_member_is_not_noticed_by_the_caller(members: Members, fault: Fault) -> None:
    members[0].fault = fault
    began = time.monotonic()
    run(lambda: use(make_cluster(members, hedge_after_seconds=0.02), seconds=0.2))
    assert members[1].calls == 3
    assert time.monotonic() - began < 0.2, "each call was hedged, not waited for"


def test_a_member_that_keeps_failing_is_asked_no_more_until_it_has_rested(members: Members) -> None:
    clock = Clock()

    async def check() -> None:
        cluster = make_cluster(members, clock=clock)
        members[0].fault = Fault.UNAVAILABLE
        for _ in range(10):
            await cluster.describe_key("one", deadline_in(1))
        assert members[0].calls == FAILURES_BEFORE_REST
        members[0].fault = Fault.NONE
        clock.ahead += FIRST_REST_SECONDS
        await cluster.describe_key("one", deadline_in(60))
        assert members[0].calls == FAILURES_BEFORE_REST + 1
        assert members[1].calls == 10

    run(check)


def test_a_refusal_is_final_and_no_failure_of_the_member(members: Members) -> None:
    async def check() -> None:
        cluster = make_cluster(members)
        for _ in range(5):
            with pytest.raises(KeyManagerError) as raised:
                await cluster.describe_key("none", deadline_in(1))
            assert raised.value.failure is KeyManagerFailure.KEY_NOT_FOUND

    run(check)
    assert (members[0].calls, members[1].calls) == (5, 0)


def test_without_any_member_the_call_fails_as_the_last_did_and_in_time(members: Members) -> None:
    members[0].fault = Fault.HANGS
    members[1].fault = Fault.HANGS

    async def check() -> None:
        began = time.monotonic()
        with pytest.raises(KeyManagerError) as raised:
            await make_cluster(members).describe_key("one", deadline_in(0.1))
        assert raised.value.failure is KeyManagerFailure.TIMED_OUT
        assert time.monotonic() - began < 0.5
        members[0].fault = members[1].fault = Fault.UNAVAILABLE
        with pytest.raises(KeyManagerError) as raised:
            await make_cluster(members).describe_key("one", deadline_in(1))
        assert raised.value.failure is KeyManagerFailure.UNAVAILABLE

    run(check)


def test_the_fastest_is_asked_first_where_all_are_equal(members: Members) -> None:
    async def check() -> None:
        cluster = make_cluster(members, choice=Choice.FASTEST)
        members[0].fault, members[0].seconds = Fault.SLOW, 0.01
        for _ in range(6):
            await cluster.describe_key("one", deadline_in(1))
        assert members[1].calls >= 4

    run(check)


def test_health_tells_who_is_down_and_who_was(members: Members) -> None:
    async def check() -> None:
        cluster = make_cluster(members)
        assert {member.status for member in await cluster.check_health(deadline_in(1))} == {HealthStatus.ACTIVE}
        members[0].fault = Fault.UNAVAILABLE
        down, up = await cluster.check_health(deadline_in(1))
        assert (down.id, down.status) == ("first", HealthStatus.UNAVAILABLE)
        assert (up.id, up.status) == ("second", HealthStatus.ACTIVE)
        for _ in range(FAILURES_BEFORE_REST):
            await cluster.describe_key("one", deadline_in(1))
        members[0].fault = Fault.NONE
        back, _ = await cluster.check_health(deadline_in(1))
        assert back.status is HealthStatus.DEGRADED

    run(check)


def test_a_caller_that_goes_away_blames_nobody(members: Members) -> None:
    members[0].fault = members[1].fault = Fault.HANGS

    async def check() -> None:
        cluster = make_cluster(members)
        for _ in range(FAILURES_BEFORE_REST + 1):
            call = asyncio.create_task(cluster.describe_key("one", deadline_in(5)))
            await asyncio.sleep(0.001)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        members[0].fault = Fault.NONE
        members[1].calls = 0
        await cluster.describe_key("one", deadline_in(1))
        assert members[1].calls == 0

    run(check)


def test_a_cluster_has_two_to_ten_members(members: Members) -> None:
    with pytest.raises(ValueError, match="2 to 10"):
        ClusterKeyManager([("only", members[0])])


def test_which_member_answered_is_known_after_the_call(members: Members) -> None:
    async def scenario() -> None:
        cluster = make_cluster(members)
        await use(cluster)
        assert answered_by.get() == "first"
        members[0].fault = Fault.UNAVAILABLE
        await use(cluster)
        assert answered_by.get() == "second"

    run(scenario)
