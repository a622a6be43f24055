"""The whole comparison: a trail and CloudTrail's log files in, counts and what does not fit out.

Both are read once, as streams. What belongs together is brought together by files, so that memory does not grow with
what is compared.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count
from math import floor
from pathlib import Path
from typing import Final, NamedTuple

from hyok.audit.reconciliation.cloudtrail import FileRead, KmsEvent, Unreadable, find_log_files, read_events
from hyok.audit.reconciliation.matching import Discrepancy, Rules, is_matched, judge, must_have_use
from hyok.audit.reconciliation.partitions import Partitions, RequestGroup
from hyok.audit.reconciliation.uses import NoUse, Use, read_uses

DELAY_SECONDS: Final = 900.0
"""CloudTrail delivers within about five minutes on average, and promises nothing."""
UNREADABLE_SHOWN: Final = 100

_OF_TRAIL: Final = (
    "records",
    "uses",
    "health_check_records",
    "unproven_records",
    "other_records",
    "malformed_records",
    "other_accounts",
)
_OF_CLOUDTRAIL: Final = ("files", "events", "kms_events", "unreadable", "other_accounts")
_SECONDS_PER_DAY: Final = 86_400


class Comparison(NamedTuple):
    """What is to be compared with what."""

    trails: tuple[Path, ...]
    """The directories of the trails of all proxies that serve the keys."""
    cloudtrail: Path
    now: float
    """Unix seconds."""
    since: float | None = None
    """What is earlier is not judged; None for where both sides begin."""
    until: float | None = None
    """When the log files were fetched; None for now."""
    delay_seconds: float = DELAY_SECONDS
    accounts: frozenset[str] = frozenset()
    """Only keys of these accounts; empty for all."""
    stores: frozenset[str] = frozenset()
    """Only events of these custom key stores; empty for all."""
    shown: int = 1000
    """So many discrepancies are kept, the earliest; all are counted."""


class Side(NamedTuple):
    """How much there is of one side."""

    counts: dict[str, int]
    """By stable names."""
    first: float | None
    """Unix seconds."""
    last: float | None


class Reconciliation(NamedTuple):
    """What came of it."""

    since: float | None
    until: float
    """What lies between was judged: the end of what is compared, less the delay."""
    trail: Side
    cloudtrail: Side
    matched: int
    """Request ids that both sides know."""
    not_judged: int
    """Request ids of one side, too early or too late to have their counterpart."""
    found: dict[str, int]
    """How many, by kind."""
    discrepancies: list[Discrepancy]
    """The earliest of them, in order."""
    unreadable: list[Unreadable]

    @property
    def is_clean(self) -> bool:
        """Whether both sides tell the same, and all of both could be read."""
        return not self.found and not self.unreadable and not self.trail.counts["malformed_records"]


def reconcile(comparison: Comparison, progress: Callable[[int], None] = lambda _bytes: None) -> Reconciliation:
    """Compare. `progress` is told of the bytes of each log file. OperatorError if one side is not there."""
    files = find_log_files(comparison.cloudtrail)
    with Partitions() as partitions:
        trail = _Reading(comparison)
        trail.take_trails(partitions)
        events = _Reading(comparison)
        events.take_cloudtrail(partitions, files, progress)
        return _judge_all(comparison, partitions, trail, events)


class _Reading:
    """Reads one side into the partitions and counts what it has."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison
        self.counts: Counter[str] = Counter()
        self.first: float | None = None
        self.last: float | None = None
        self.unreadable: list[Unreadable] = []
        self.keys: set[int] = set()
        """Hashes of the KMS keys that were seen: as many as there are keys, not as there are records."""

    def take_trails(self, partitions: Partitions) -> None:
        for directory in self._comparison.trails:
            for record in read_uses(directory):
                self._see(record.time)
                self.counts["records"] += 1
                match record:
                    case NoUse():
                        self.counts[f"{record.kind}_records"] += 1
                    case Use() if self._is_chosen([record.key_arn or record.principal]):
                        self.counts["uses"] += 1
                        self.keys.add(hash(record.key_arn))
                        partitions.add(record)
                    case Use():
                        self.counts["other_accounts"] += 1

    def take_cloudtrail(self, partitions: Partitions, files: list[Path], progress: Callable[[int], None]) -> None:
        for found in read_events(files):
            match found:
                case KmsEvent():
                    self._see(found.time)
                    self.counts["kms_events"] += 1
                    if self._is_chosen(found.key_arns or [found.principal]):
                        partitions.add(found)
                    else:
                        self.counts["other_accounts"] += 1
                case Unreadable():
                    self.counts["unreadable"] += 1
                    if len(self.unreadable) < UNREADABLE_SHOWN:
                        self.unreadable.append(found)
                case FileRead():
                    self.counts["files"] += 1
                    self.counts["events"] += found.events
                    progress(found.size_bytes)

    def side(self, *names: str) -> Side:
        return Side({name: self.counts[name] for name in names}, self.first, self.last)

    def _see(self, time: float | None) -> None:
        if time is not None:
            self.first = time if self.first is None else min(self.first, time)
            self.last = time if self.last is None else max(self.last, time)

    def _is_chosen(self, arns: Iterable[str]) -> bool:
        accounts = self._comparison.accounts
        return not accounts or any(len(parts := arn.split(":")) > 4 and parts[4] in accounts for arn in arns)


def _judge_all(comparison: Comparison, partitions: Partitions, trail: _Reading, events: _Reading) -> Reconciliation:
    since = comparison.since if comparison.since is not None else _common_beginning(trail.first, events.first)
    until = (comparison.now if comparison.until is None else comparison.until) - comparison.delay_seconds

    def is_judged(time: float) -> bool:
        return time <= until and (since is None or time >= since)

    def is_held(event: KmsEvent) -> bool:
        if event.store_ids and comparison.stores.isdisjoint(event.store_ids) and comparison.stores:
            return False
        # An event that does not name the external key is of one if its KMS key is, as the trail knows.
        return bool(event.xks_key_ids) or any(hash(arn) in trail.keys for arn in event.key_arns)

    rules = Rules(is_judged, is_held)
    matched = not_judged = 0
    found: Counter[str] = Counter()
    earliest: list[tuple[float, int, Discrepancy]] = []
    numbers = count()
    for group in partitions.groups():
        matched += is_matched(group)
        not_judged += _is_out_of_time(group, rules)
        for discrepancy in judge(group, rules):
            found[discrepancy.finding.value] += 1
            entry = (-discrepancy.time, next(numbers), discrepancy)
            if len(earliest) < comparison.shown:
                heapq.heappush(earliest, entry)
            else:
                heapq.heappushpop(earliest, entry)
    discrepancies = sorted((entry[2] for entry in earliest), key=lambda each: (each.time, each.request_id))
    return Reconciliation(
        since,
        until,
        trail.side(*_OF_TRAIL),
        events.side(*_OF_CLOUDTRAIL),
        matched,
        not_judged,
        dict(found),
        discrepancies,
        events.unreadable,
    )


def _is_out_of_time(group: RequestGroup, rules: Rules) -> bool:
    """Tell whether one side alone knows a request, and the other need not."""
    if is_matched(group):
        return False
    events = [event.time for event in group.events if must_have_use(event, rules)]
    times = [use.time for use in group.uses] or events
    return bool(times) and not any(rules.is_judged(time) for time in times)


def _common_beginning(first_record: float | None, first_event: float | None) -> float | None:
    """Return where both sides begin: CloudTrail's with the day of its first event, because it delivers by days."""
    beginnings = []
    if first_record is not None:
        beginnings.append(float(floor(first_record)))  # the event of the first record has its second and no more
    if first_event is not None:
        beginnings.append(first_event - first_event % _SECONDS_PER_DAY)
    return max(beginnings, default=None)
