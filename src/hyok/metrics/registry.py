"""What the proxy counts, as plain integers in memory, and how Prometheus reads it.

Counting is on the path of every request: one dictionary look-up and two additions. A process has one registry and one
thread that counts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from hyok.metrics import names

_BOUNDS_US: Final = tuple(bound * 1000 for bound in names.DURATION_BUCKETS_MS)
_LABEL_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


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


class MetricsRegistry:
    """The counts of one process."""

    __slots__ = ("_requests",)

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, str], RequestSeries] = {}

    def count_request(self, *, key_store: str, operation: str, error: str, duration_us: int) -> None:
        """Count one finished request. The first three are labels: of a bounded set, and `error` empty on success."""
        labels = (key_store, operation, error)
        series = self._requests.get(labels)
        if series is None:
            series = self._requests[labels] = RequestSeries()
        series.buckets[bisect_left(_BOUNDS_US, duration_us)] += 1  # a duration that equals a bound lies within it
        series.sum_us += duration_us

    def requests(self) -> dict[tuple[str, str, str], RequestSeries]:
        """Return the series by key store, operation and error."""
        return dict(self._requests)


def render_metrics(registry: MetricsRegistry) -> bytes:
    """Render all counts in the Prometheus text format, version 0.0.4."""
    return "".join(f"{line}\n" for line in _lines(registry)).encode()


def _lines(registry: MetricsRegistry) -> Iterator[str]:
    requests = sorted(registry.requests().items(), key=lambda item: item[0])
    yield f"# HELP {names.REQUESTS} {names.REQUESTS_HELP}"
    yield f"# TYPE {names.REQUESTS} counter"
    for labels, series in requests:
        yield f"{names.REQUESTS}{{{_labels(labels)}}} {series.count}"
    yield f"# HELP {names.REQUEST_DURATION} {names.REQUEST_DURATION_HELP}"
    yield f"# TYPE {names.REQUEST_DURATION} histogram"
    for labels, series in requests:
        yield from _histogram_lines(_labels(labels), series)


def _histogram_lines(labels: str, series: RequestSeries) -> Iterator[str]:
    # Prometheus wants each bucket to hold all that took no longer than its bound.
    count = 0
    for bound_us, in_bucket in zip(_BOUNDS_US, series.buckets, strict=False):
        count += in_bucket
        yield f'{names.REQUEST_DURATION}_bucket{{{labels},le="{bound_us / 1e6:g}"}} {count}'
    yield f'{names.REQUEST_DURATION}_bucket{{{labels},le="+Inf"}} {series.count}'
    yield f"{names.REQUEST_DURATION}_sum{{{labels}}} {series.sum_us / 1e6:.6f}"
    yield f"{names.REQUEST_DURATION}_count{{{labels}}} {series.count}"


def _labels(values: tuple[str, str, str]) -> str:
    return ",".join(
        f'{name}="{value.translate(_LABEL_ESCAPES)}"' for name, value in zip(names.LABELS, values, strict=True)
    )
