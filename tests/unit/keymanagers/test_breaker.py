from __future__ import annotations

import pytest

from hyok.keymanagers.breaker import (
    FAILURES_BEFORE_REST,
    FIRST_REST_SECONDS,
    LONGEST_REST_SECONDS,
    Breaker,
    says_nothing_of_the_request,
)
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure, KeyRotatedError


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def breaker(time: Time) -> Breaker:
    return Breaker(time)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.note_failure()


def test_one_failure_may_be_chance_and_three_are_none(breaker: Breaker) -> None:
    fail(breaker, FAILURES_BEFORE_REST - 1)
    assert not breaker.is_resting
    breaker.note_failure()
    assert breaker.is_resting


def test_an_answer_in_between_begins_the_count_anew(breaker: Breaker) -> None:
    fail(breaker, FAILURES_BEFORE_REST - 1)
    breaker.note_answer()
    fail(breaker, FAILURES_BEFORE_REST - 1)
    assert not breaker.is_resting


def test_many_that_fail_together_do_not_make_the_rest_longer(breaker: Breaker, time: Time) -> None:
    fail(breaker, 100)
    time.now += FIRST_REST_SECONDS
    assert not breaker.is_resting


def test_after_its_rest_one_call_tries_it_and_others_do_not(breaker: Breaker, time: Time) -> None:
    fail(breaker, FAILURES_BEFORE_REST)
    time.now += FIRST_REST_SECONDS
    seen = [breaker.is_resting]
    breaker.note_asked()
    seen.append(breaker.is_resting)
    breaker.note_answer()
    assert [*seen, breaker.is_resting, breaker.is_suspect] == [False, True, False, False]


def test_each_trial_that_fails_makes_the_rest_longer_but_not_for_ever(breaker: Breaker, time: Time) -> None:
    fail(breaker, FAILURES_BEFORE_REST)
    rests = []
    for _ in range(6):
        began = time.now
        while breaker.is_resting:
            time.now += 0.125
        rests.append(time.now - began)
        breaker.note_asked()
        breaker.note_failure()
    assert rests == [1.0, 2.0, 4.0, 4.0, 4.0, LONGEST_REST_SECONDS]


def test_a_trial_that_tells_nothing_is_made_again(breaker: Breaker, time: Time) -> None:
    fail(breaker, FAILURES_BEFORE_REST)
    time.now += FIRST_REST_SECONDS
    breaker.note_asked()
    time.now += FIRST_REST_SECONDS
    assert not breaker.is_resting


def test_a_refusal_and_a_rotation_say_nothing_of_who_was_asked() -> None:
    of_it = {failure for failure in KeyManagerFailure if says_nothing_of_the_request(KeyManagerError(failure))}
    assert of_it == {KeyManagerFailure.OVERLOADED, KeyManagerFailure.TIMED_OUT, KeyManagerFailure.UNAVAILABLE}
    assert not says_nothing_of_the_request(KeyRotatedError())
