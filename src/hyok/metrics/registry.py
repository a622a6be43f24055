"""What the proxy counts, as plain integers in memory.

Counting is on the path of every request: one dictionary look-up and two additions. A process has one registry and one
thread that counts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from operator import add
from typing import Final

from hyok.metrics import names
from hyok.metrics.report import Counts, FailureCount, FlagCount, RefusedCount, RequestCount

_BOUNDS_US: Final = tuple(bound * 1000 for bound in names.DURATION_BUCKETS_MS)


class RequestSeries:
    """The requests of one key store and operation that ended in one way: how many took how long."""

    __slots__ = ("buckets", "sum_us")

    def __init__(self) -> None:
        self.buckets = [0] * (len(_BOUNDS_US) + 1)
        """Not cumulative; the last is for what no bound holds."""
        self.sum_us = 0

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.buckets)


class StageTimes:
    """How many seconds requests spent in each stage, together."""

    __slots__ = names.STAGES

    def __init__(self) -> None:
        self.receive = self.authenticate = self.decode = self.perform = 0.0

    def as_tuple(self) -> tuple[float, ...]:
        """Return them in the order of `names.STAGES`."""
        return self.receive, self.authenticate, self.decode, self.perform


class MetricsRegistry:
    """The counts of one process, or the sum of those of many."""

    __slots__ = (
        "_authentication_failures",
        "_flagged",
        "_refused_connections",
        "_requests",
        "requests_in_flight",
        "stages",
    )

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, str], RequestSeries] = {}
        self._authentication_failures: Counter[tuple[str, str]] = Counter()
        self._flagged: Counter[tuple[str, str]] = Counter()
        self._refused_connections: Counter[tuple[str, str]] = Counter()
        self.requests_in_flight = 0
        """How many wait for a key manager now."""
        self.stages = StageTimes()
        """Added to on the path of each request that succeeds."""

    def count_request(self, key_store: str, operation: str, error: str, duration_us: int) -> None:
        """Count one finished request. The first three are labels: of a bounded set, and `error` empty on success."""
        labels = (key_store, operation, error)
        series = self._requests.get(labels)
        if series is None:
            series = self._requests[labels] = RequestSeries()
        series.buckets[bisect_left(_BOUNDS_US, duration_us)] += 1  # a duration that equals a bound lies within it
        series.sum_us += duration_us

    def count_authentication_failure(self, *, key_store: str, reason: str) -> None:
        """Count one request that was not authentic; `reason` is of a bounded set."""
        self._authentication_failures[key_store, reason] += 1

    def count_flags(self, *, key_store: str, flags: Iterable[str]) -> None:
        """Count the flags of one request, which are of a bounded set."""
        for flag in flags:
            self._flagged[key_store, flag] += 1

    def count_refused_connection(self, *, listener: str, reason: str) -> None:
        """Count one connection that was closed at once; `reason` is one of `names.CONNECTION_LIMITS`."""
        self._refused_connections[listener, reason] += 1

    def requests(self) -> Mapping[tuple[str, str, str], RequestSeries]:
        """Return the series by key store, operation and error."""
        return dict(self._requests)

    def authentication_failures(self) -> Mapping[tuple[str, str], int]:
        """Return how many requests were not authentic, by key store and reason."""
        return dict(self._authentication_failures)

    def flagged(self) -> Mapping[tuple[str, str], int]:
        """Return how many requests were flagged, by key store and flag."""
        return dict(self._flagged)

    def refused_connections(self) -> Mapping[tuple[str, str], int]:
        """Return how many connections were closed at once, by listener and reason."""
        return dict(self._refused_connections)

    def take(self) -> Counts:
        """Return what was counted since the last call, and begin anew at zero."""
        requests, self._requests = self._requests, {}
        stages, self.stages = self.stages, StageTimes()
        failures, self._authentication_failures = self._authentication_failures, Counter()
        flagged, self._flagged = self._flagged, Counter()
        refused, self._refused_connections = self._refused_connections, Counter()
        return Counts(
            tuple(RequestCount(*labels, tuple(series.buckets), series.sum_us) for labels, series in requests.items()),
            tuple(FailureCount(*labels, count) for labels, count in failures.items()),
            stages.as_tuple(),
            tuple(FlagCount(*labels, count) for labels, count in flagged.items()),
            tuple(RefusedCount(*labels, count) for labels, count in refused.items()),
        )

    def add(self, counts: Counts) -> None:
        """Add what another process has counted."""
        for each in counts.requests:
            series = self._requests.setdefault((each.key_store, each.operation, each.error), RequestSeries())
            series.buckets = list(map(add, series.buckets, each.buckets))
            series.sum_us += each.sum_us
        for failure in counts.authentication_failures:
            self._authentication_failures[failure.key_store, failure.reason] += failure.count
        for each_flag in counts.flagged:
            self._flagged[each_flag.key_store, each_flag.flag] += each_flag.count
        for refused in counts.refused_connections:
            self._refused_connections[refused.listener, refused.reason] += refused.count
        for stage, seconds in zip(names.STAGES, counts.stage_seconds, strict=True):
            setattr(self.stages, stage, getattr(self.stages, stage) + seconds)
