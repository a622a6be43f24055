"""What `scripts/bench` shows beside its figures."""

from __future__ import annotations

from benchmarks.__main__ import BENCHMARKS
from benchmarks.targets import TARGETS, Target

CPU = Target("CPU, times nginx's", lambda report: report["ratio"], most=4)
SHARE = Target("share, %", lambda report: 100 * report["share"], least=35, wished=42)


def test_each_target_belongs_to_a_benchmark_and_asks_for_something() -> None:
    assert set(TARGETS) <= set(BENCHMARKS)
    for target in (each for targets in TARGETS.values() for each in targets):
        assert (target.least, target.most, target.wished) != (None, None, None)


def test_what_was_asked_stands_beside_what_was_measured() -> None:
    assert CPU.line({"ratio": 4.05}) == "CPU, times nginx's: 4.05, asked at most 4: NOT reached"
    assert SHARE.line({"share": 0.355}) == "share, %: 35.5, asked at least 35, wished for 42: reached"
    assert Target("µs", lambda report: report["µs"], wished=45).line({"µs": 50}) == "µs: 50, wished for 45"
    assert SHARE.record({"share": 0.2})["is_met"] is False
