from __future__ import annotations

from hyok.supervisor.restarts import RestartPolicy, RestartTimes


def test_pauses_double_up_to_the_longest_while_workers_die_young() -> None:
    policy = RestartPolicy(RestartTimes())
    pauses = [policy.pause_after_death(served_seconds=1.0) for _ in range(12)]
    assert pauses == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]


def test_a_worker_that_had_served_for_a_while_starts_the_count_anew() -> None:
    policy = RestartPolicy(RestartTimes())
    for _ in range(9):
        policy.pause_after_death(served_seconds=1.0)
    assert not policy.is_hopeless
    assert policy.pause_after_death(served_seconds=10.0) == 0.0
    assert policy.pause_after_death(served_seconds=0.0) == 0.25
    assert not policy.is_hopeless


def test_ten_young_deaths_in_a_row_are_hopeless() -> None:
    policy = RestartPolicy(RestartTimes())
    for _ in range(10):
        assert not policy.is_hopeless
        policy.pause_after_death(served_seconds=1.0)
    assert policy.is_hopeless


def test_the_pause_stays_bounded_however_many_die() -> None:
    policy = RestartPolicy(RestartTimes())
    assert max(policy.pause_after_death(served_seconds=0.0) for _ in range(5000)) == 30.0
