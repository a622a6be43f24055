"""The watch over decryptions: what it finds usual, what it flags and what it refuses."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from hyok.metrics.registry import MetricsRegistry
from hyok.proxy.authorization import decrypt_watch
from hyok.proxy.authorization.authorizing import Authorization
from hyok.proxy.authorization.decrypt_watch import (
    CALLER_FLAG,
    HOURS_FLAG,
    NOTHING,
    OTHERS,
    RATE_FLAG,
    Baseline,
    DecryptWatch,
    Findings,
    KnownCaller,
    WatchMode,
    WatchRules,
)
from hyok.proxy.authorization.stored_watch import StoredWatch, load_watch
from hyok.storage.engine import Storage
from tests.unit.proxy.stage import KEY, FixedClock, Stage, decrypt_request, encrypt_request, error_of
from tests.unit.storage.fixtures import clock, holder_storage, holder_url, safe

__all__ = ["clock", "holder_storage", "holder_url", "safe"]

ROLE = "arn:aws:sts::111122223333:assumed-role/app/i-{}"
FLAG, BLOCK, OFF = WatchMode.FLAG, WatchMode.BLOCK, WatchMode.OFF
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp()  # a Wednesday


def decrypt(watch: DecryptWatch, times: int, now: float, *, session: int = 0, key: str = "k") -> list[Findings]:
    return [watch.note("alpha", key, ROLE.format(session), now) for _ in range(times)]


def usual(watch: DecryptWatch, per_minute: int, *, minutes: int = 20) -> float:
    """Decrypt as always, and return when the next minute begins."""
    for minute in range(minutes):
        decrypt(watch, per_minute, NOON + 60 * minute)
    return NOON + 60 * minutes


def flags(findings: list[Findings]) -> list[tuple[str, ...]]:
    return [each.flags for each in findings]


def test_without_rules_nothing_is_remarkable() -> None:
    assert set(decrypt(DecryptWatch(WatchRules()), 5000, NOON)) == {NOTHING}


def test_below_the_floor_no_rate_is_unusual() -> None:
    watch = DecryptWatch(WatchRules(unusual_rate=FLAG, rate_floor=100))
    found = flags(decrypt(watch, 102, NOON))
    assert found == [()] * 100 + [(RATE_FLAG,)] * 2


def test_a_principal_is_held_to_its_own_usual_rate() -> None:
    watch = DecryptWatch(WatchRules(unusual_rate=FLAG, rate_floor=10, rate_factor=3))
    later = usual(watch, 50, minutes=400)
    assert flags(decrypt(watch, 151, later)).index((RATE_FLAG,)) in range(140, 151)
    quiet = DecryptWatch(WatchRules(unusual_rate=FLAG, rate_floor=10, rate_factor=3))
    assert flags(decrypt(quiet, 151, usual(quiet, 5)))[15:] == [(RATE_FLAG,)] * 136


def test_all_sessions_of_a_role_are_one_principal() -> None:
    watch = DecryptWatch(WatchRules(unusual_rate=FLAG, rate_floor=10))
    found = [decrypt(watch, 1, NOON, session=number)[0].flags for number in range(11)]
    assert found == [()] * 10 + [(RATE_FLAG,)]


def test_a_flood_does_not_make_itself_usual() -> None:
    watch = DecryptWatch(WatchRules(unusual_rate=FLAG, rate_floor=10, rate_factor=3))
    later = usual(watch, 10, minutes=500)
    for minute in range(60):
        assert decrypt(watch, 2000, later + 60 * minute)[-1].flags == (RATE_FLAG,)


def test_a_minute_that_begins_is_counted_anew() -> None:
    watch = DecryptWatch(WatchRules(unusual_rate=BLOCK, rate_floor=10))
    assert decrypt(watch, 11, NOON)[-1] == Findings((RATE_FLAG,), RATE_FLAG)
    assert decrypt(watch, 10, NOON + 60) == [NOTHING] * 10


def test_workers_share_floor_and_baseline() -> None:
    known = Baseline("alpha", "arn:aws:iam::111122223333:role/app", 100.0, 50)
    rules = WatchRules(unusual_rate=FLAG, rate_floor=10, rate_factor=2, workers=4)
    assert flags(decrypt(DecryptWatch(rules, baselines=[known]), 51, NOON)) == [()] * 50 + [(RATE_FLAG,)]
    assert flags(decrypt(DecryptWatch(rules), 3, NOON)) == [()] * 2 + [(RATE_FLAG,)]


def test_an_account_or_service_is_new_to_a_key_once() -> None:
    watch = DecryptWatch(WatchRules(new_caller=FLAG))
    assert flags(decrypt(watch, 2, NOON)) == [(CALLER_FLAG,), ()]
    assert flags(decrypt(watch, 1, NOON, session=7)) == [()], "of the same account"
    assert flags(decrypt(watch, 2, NOON, key="other")) == [(CALLER_FLAG,), ()]
    assert watch.note("alpha", "k", "ebs.amazonaws.com", NOON).flags == (CALLER_FLAG,)
    assert watch.take_learnt()[1] != []
    assert watch.take_learnt()[1] == []


def test_a_new_caller_that_is_refused_is_not_learnt() -> None:
    watch = DecryptWatch(WatchRules(new_caller=BLOCK))
    assert decrypt(watch, 2, NOON) == [Findings((CALLER_FLAG,), CALLER_FLAG)] * 2
    watch.learn_callers([KnownCaller("alpha", "k", "111122223333")])
    assert decrypt(watch, 2, NOON) == [NOTHING] * 2


@pytest.mark.parametrize(
    ("at", "is_outside"),
    [
        ("2026-03-04T06:59:59Z", True),
        ("2026-03-04T07:00:00Z", False),
        ("2026-03-04T19:29:59Z", False),
        ("2026-03-04T19:30:00Z", True),
        ("2026-03-07T12:00:00Z", True),
    ],
)
def test_hours_and_days_are_those_of_utc(at: str, is_outside: bool) -> None:
    watch = DecryptWatch(WatchRules(outside_hours=FLAG, hours=(7.0, 19.5), days=range(5)))
    now = datetime.fromisoformat(at).timestamp()
    assert flags(decrypt(watch, 1, now)) == [(HOURS_FLAG,) if is_outside else ()]
    assert flags(decrypt(watch, 1, now + 86_400 * 7)) == [(HOURS_FLAG,) if is_outside else ()]


def test_several_findings_stand_together() -> None:
    rules = WatchRules(unusual_rate=FLAG, rate_floor=1, new_caller=OFF, outside_hours=BLOCK, hours=(0.0, 1.0))
    assert decrypt(DecryptWatch(rules), 2, NOON)[1] == Findings((RATE_FLAG, HOURS_FLAG), HOURS_FLAG)


def test_principals_are_counted_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decrypt_watch, "MAX_PRINCIPALS", 5)
    monkeypatch.setattr(decrypt_watch, "_REMEMBERED_NAMES", 5)
    watch = DecryptWatch(WatchRules(unusual_rate=FLAG, rate_floor=10))
    for number in range(50):
        watch.note("alpha", "k", f"arn:aws:iam::111122223333:user/{number}", NOON)
    assert watch.note("alpha", "k", "arn:aws:iam::111122223333:user/x", NOON).flags == (RATE_FLAG,)
    assert len(watch._principals) == 6
    assert ("alpha", OTHERS) in watch._principals


def test_a_request_is_flagged_counted_or_refused_in_the_proxy(stage: Stage) -> None:
    encrypted = stage.encrypt()
    rules = WatchRules(new_caller=FLAG, outside_hours=FLAG, hours=(0.0, 0.0))
    stage.service._authorization = Authorization(watch=DecryptWatch(rules))
    assert stage.ask(encrypt_request()).status == 200
    assert stage.ask(decrypt_request(encrypted)).status == 200
    first, _, flagged = stage.records()
    assert "flags" not in first
    assert flagged["flags"] == [CALLER_FLAG, HOURS_FLAG]
    total = MetricsRegistry()
    total.add(stage.metrics.take())
    assert total.flagged() == {("alpha", CALLER_FLAG): 1, ("alpha", HOURS_FLAG): 1}
    stage.service._authorization = Authorization(watch=DecryptWatch(WatchRules(new_caller=BLOCK)))
    assert error_of(stage.ask(decrypt_request(encrypted))) == (403, "AccessDeniedException")
    record = stage.records()[-1]
    assert (record["decision"], record["policy"], record["statement"]) == ("denied", "decrypt-watch", CALLER_FLAG)
    assert record["flags"] == [CALLER_FLAG]


def test_what_was_learnt_outlives_the_process_and_reaches_the_others(holder_storage: Storage) -> None:
    rules = WatchRules(unusual_rate=FLAG, rate_floor=10, rate_factor=3, new_caller=FLAG, workers=2)
    watch, other = load_watch(holder_storage, rules), load_watch(holder_storage, rules)
    decrypt(watch, 1, usual(watch, 50, minutes=400))
    asyncio.run(keep(watch, other, storage=holder_storage))
    assert flags(decrypt(other, 1, NOON)) == [()], "it knows the caller"
    restarted = load_watch(holder_storage, rules)
    found = flags(decrypt(restarted, 151, NOON))
    assert found.index((RATE_FLAG,)) in range(140, 151)


def test_what_the_storage_does_not_take_is_kept(holder_storage: Storage, caplog: Any) -> None:
    watch = load_watch(holder_storage, WatchRules(new_caller=FLAG))
    decrypt(watch, 1, NOON)
    with holder_storage.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE decrypt_callers RENAME TO gone")
    asyncio.run(keep(watch, storage=holder_storage))
    assert "learnt in memory" in caplog.text
    with holder_storage.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO decrypt_callers")
    asyncio.run(keep(watch, storage=holder_storage))
    assert flags(decrypt(load_watch(holder_storage, WatchRules(new_caller=FLAG)), 1, NOON)) == [()]


async def keep(*watches: DecryptWatch, storage: Storage) -> None:
    for watch in watches:
        await StoredWatch(watch, storage, FixedClock()).flush()


def test_the_key_under_watch_is_that_of_the_request(stage: Stage) -> None:
    watch = DecryptWatch(WatchRules(new_caller=FLAG))
    encrypted = stage.encrypt()
    stage.service._authorization = Authorization(watch=watch)
    stage.ask(decrypt_request(encrypted))
    assert watch.take_learnt()[1] == [KnownCaller("alpha", KEY, "123456789012")]
