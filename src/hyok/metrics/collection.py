"""What all processes of one proxy have counted, and how each of them is.

Processes tell what is new, not what they have in all: the sum outlives each of them and never falls, as Prometheus
wants it of a counter. One that is killed takes the counts of its last second with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from hyok.metrics.registry import MetricsRegistry
from hyok.metrics.report import ProcessReport, ProcessState


class Collection:
    """The reports of all processes, put together."""

    def __init__(self) -> None:
        self.counts = MetricsRegistry()
        """The sum over all processes there are and ever were."""
        self._states: dict[int, ProcessState] = {}

    def take(self, process: int, report: ProcessReport) -> None:
        """Add what a process reports, which is known by its number."""
        self.counts.add(report.counts)
        self._states[process] = report.state

    def forget(self, process: int) -> None:
        """Take note that a process has ended; what it counted stays."""
        self._states.pop(process, None)

    def states(self) -> Sequence[ProcessState]:
        """Return how the processes are that there are now."""
        return tuple(self._states.values())
