"""What the proxy counts, as plain integers in memory, and how Prometheus reads it.

Counting is on the path of every request: two dictionary look-ups and a few additions. A process has one registry and
one thread that counts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from hyok.metrics import names

_BOUNDS_US: Final = tuple(bound * 1000 for bound in names.DURATION_BUCKETS_MS)
_LABEL_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Histogram:
    """How long requests took: one count per bucket (not cumulative), the last for what no bound holds."""

    __slots__ = ("buckets", "sum_us")

    def __init__(self) -> None:
        self.buckets = [0] * (len(_BOUNDS_US) + 1)
        self.sum_us = 0

    def observe(self, duration_us: int) -> None:
        """Count one duration in microseconds; one that equals a bound lies within it."""
        self.buckets[bisect_left(_BOUNDS_US, duration_us)] += 1
        self.sum_us += duration_us


class MetricsRegistry:
    """The counts of one process."""

    __slots__ = ("_durations", "_requests")

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, str], int] = {}
        self._durations: dict[tuple[str, str], Histogram] = {}

    def count_request(self, *, key_store: str, operation: str, error: str, duration_us: int) -> None:
        """Count one finished request. Every argument but the duration must be of a bounded set: they are labels."""
        counted = (key_store, operation, error)
        self._requests[counted] = self._requests.get(counted, 0) + 1
        timed = (key_store, operation)
        histogram = self._durations.get(timed)
        if histogram is None:
            histogram = self._durations[timed] = Histogram()
        histogram.observe(duration_us)

    def requests(self) -> dict[tuple[str, str, str], int]:
        """Return a copy of the counts by (key store, operation, error)."""
        return dict(self._requests)

    def durations(self) -> dict[tuple[str, str], Histogram]:
        """Return the histograms by (key store, operation)."""
        return dict(self._durations)


def render_metrics(registry: MetricsRegistry) -> bytes:
    """Render all counts in the Prometheus text format, version 0.0.4."""
    return "".join(f"{line}\n" for line in _lines(registry)).encode()


def _lines(registry: MetricsRegistry) -> Iterator[str]:
    yield f"# HELP {names.REQUESTS} {names.REQUESTS_HELP}"
    yield f"# TYPE {names.REQUESTS} counter"
    for (key_store, operation, error), count in sorted(registry.requests().items()):
        labels = _labels((names.KEY_STORE, key_store), (names.OPERATION, operation), (names.ERROR, error))
        yield f"{names.REQUESTS}{{{labels}}} {count}"
    yield f"# HELP {names.REQUEST_DURATION} {names.REQUEST_DURATION_HELP}"
    yield f"# TYPE {names.REQUEST_DURATION} histogram"
    for (key_store, operation), histogram in sorted(registry.durations().items(), key=lambda item: item[0]):
        labels = _labels((names.KEY_STORE, key_store), (names.OPERATION, operation))
        yield from _histogram_lines(labels, histogram)


def _histogram_lines(labels: str, histogram: Histogram) -> Iterator[str]:
    # Prometheus wants each bucket to hold all that is no longer than its bound.
    count = 0
    for bound_us, in_bucket in zip(_BOUNDS_US, histogram.buckets, strict=False):
        count += in_bucket
        yield f'{names.REQUEST_DURATION}_bucket{{{labels},le="{bound_us / 1e6:g}"}} {count}'
    count += histogram.buckets[-1]
    yield f'{names.REQUEST_DURATION}_bucket{{{labels},le="+Inf"}} {count}'
    yield f"{names.REQUEST_DURATION}_sum{{{labels}}} {histogram.sum_us / 1e6:.6f}"
    yield f"{names.REQUEST_DURATION}_count{{{labels}}} {count}"


def _labels(*pairs: tuple[str, str]) -> str:
    return ",".join(f'{name}="{value.translate(_LABEL_ESCAPES)}"' for name, value in pairs)
