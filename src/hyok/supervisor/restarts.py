"""How soon a worker that died is replaced: at once, but ever later if the new ones die young as well."""

from __future__ import annotations

from typing import NamedTuple


class RestartTimes(NamedTuple):
    """How patient a parent is. In seconds."""

    steady: float = 10.0
    """Who has served that long did not die young."""
    first_pause: float = 0.25
    longest_pause: float = 30.0
    deaths_in_a_row: int = 10
    """So many young deaths, with nobody serving, and the parent gives up: whoever keeps it may know more."""


class RestartPolicy:
    """Counts the deaths in a row and says how long to wait."""

    def __init__(self, times: RestartTimes) -> None:
        self._times = times
        self._deaths = 0

    def pause_after_death(self, *, served_seconds: float) -> float:
        """Return how long to wait before the next start, in seconds; 0 after a worker that had served for a while."""
        if served_seconds >= self._times.steady:
            self._deaths = 0
        self._deaths += 1
        if self._deaths == 1:
            return 0.0
        # The exponent is bounded: the pauses grow, the number must not.
        return min(self._times.longest_pause, self._times.first_pause * 2.0 ** min(self._deaths - 2, 30))

    @property
    def is_hopeless(self) -> bool:
        """Whether so many died young that another one will not help."""
        return self._deaths >= self._times.deaths_in_a_row
