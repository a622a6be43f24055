"""Watching how keys decrypt, because ransomware in a cloud account is the mass use of one key.

Three rules, each of which flags a request in its record or refuses it: a principal that decrypts far more in a minute
than it uses to; an account or a service that a key has not decrypted for before; a decryption outside office hours.
All is counted in memory, per worker; what was learnt goes to the storage now and then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import Enum
from typing import Final, NamedTuple

from hyok.policy.callers import account_of, principal_arn_of

RATE_FLAG: Final = "unusual-decrypt-rate"
CALLER_FLAG: Final = "new-decrypt-caller"
HOURS_FLAG: Final = "decrypt-outside-hours"
MAX_PRINCIPALS: Final = 100_000
"""Whose decryptions are counted one by one; all others together."""
OTHERS: Final = "(others)"
_MINUTE_SECONDS: Final = 60.0
_DAY_SECONDS: Final = 86_400
_HOUR_SECONDS: Final = 3600.0
_FIRST_DAY: Final = 3
_DAYS_OF_WEEK: Final = 7
_LEAST_MINUTES: Final = 10
"""Before so many minutes in which a principal decrypted, it has no baseline, and only the floor counts."""
_LONGEST_MEMORY: Final = 1000
"""A baseline is the mean of about so many of them: a few days of a busy principal."""
_REMEMBERED_NAMES: Final = 8192


class WatchMode(Enum):
    """What a rule does where it applies."""

    OFF = "off"
    FLAG = "flag"
    BLOCK = "block"


class WatchRules(NamedTuple):
    """What is watched for."""

    unusual_rate: WatchMode = WatchMode.OFF
    rate_factor: float = 10.0
    """How many times its baseline a principal may decrypt in a minute."""
    rate_floor: float = 600.0
    """Decryptions in a minute, of all workers, that are never unusual."""
    new_caller: WatchMode = WatchMode.OFF
    outside_hours: WatchMode = WatchMode.OFF
    hours: tuple[float, float] = (0.0, 24.0)
    """From when until when on a day, in UTC; 8:30 is 8.5."""
    days: Collection[int] = range(_DAYS_OF_WEEK)
    """Monday is 0."""
    workers: int = 1
    """How many processes share the decryptions."""


class Baseline(NamedTuple):
    """What a principal uses to decrypt, in all workers together."""

    key_store: str
    principal: str
    per_minute: float
    """The mean of the minutes in which it decrypted at all."""
    minutes: int
    """How many there were."""


class KnownCaller(NamedTuple):
    """An account or a service for which a key has decrypted."""

    key_store: str
    external_key_id: str
    caller: str


class Findings(NamedTuple):
    """What is remarkable about a decryption."""

    flags: tuple[str, ...]
    blocked_by: str
    """The flag for which it is refused; empty if it is not."""


NOTHING: Final = Findings((), "")


class DecryptWatch:
    """Counts the decryptions of one process, and knows what is usual."""

    def __init__(
        self, rules: WatchRules, *, baselines: Iterable[Baseline] = (), callers: Iterable[KnownCaller] = ()
    ) -> None:
        """`baselines` and `callers` are what was learnt before."""
        self.rules = rules
        self._known = set(callers)
        self._principals = {
            (each.key_store, each.principal): _Principal(each.per_minute / rules.workers, each.minutes)
            for each in baselines
        }
        self._by_arn: dict[tuple[str, str], _Principal] = {}
        self._new_callers: set[KnownCaller] = set()
        self._hours_hold_until = 0.0
        self._is_outside = False

    def note(self, key_store: str, external_key_id: str, principal: str, now: float) -> Findings:
        """Count one decryption by `principal` at `now` (Unix seconds), and tell what is remarkable about it."""
        counted = self._by_arn.get((key_store, principal))
        if counted is None:
            counted = self._find(key_store, principal)
        if now >= counted.minute_ends:
            counted.begin_minute(now, self.rules)
        counted.count += 1
        if now >= self._hours_hold_until:
            self._look_at_clock(now)
        is_known = (external_key_id, counted.caller) in counted.known_keys
        if is_known and counted.count <= counted.limit and not self._is_outside:
            return NOTHING
        return self._judge(counted, KnownCaller(key_store, external_key_id, _caller_of(principal)), is_known=is_known)

    def take_learnt(self) -> tuple[list[Baseline], list[KnownCaller]]:
        """Return what was learnt since the last time."""
        baselines = []
        for (key_store, principal), each in self._principals.items():
            if each.has_learnt:
                each.has_learnt = False
                baselines.append(Baseline(key_store, principal, each.mean * self.rules.workers, each.minutes))
        callers, self._new_callers = list(self._new_callers), set()
        return baselines, callers

    def give_back(self, callers: Iterable[KnownCaller]) -> None:
        """Take back what could not be written, for the next time."""
        self._new_callers.update(callers)

    def learn_callers(self, callers: Iterable[KnownCaller]) -> None:
        """Take over what other workers have seen, or an operator has allowed."""
        self._known.update(callers)

    def _find(self, key_store: str, arn: str) -> _Principal:
        name = principal_arn_of(arn)
        if (key_store, name) not in self._principals and len(self._principals) >= MAX_PRINCIPALS:
            name = OTHERS
        counted = self._principals.setdefault((key_store, name), _Principal(0.0, 0))
        if len(self._by_arn) >= _REMEMBERED_NAMES:
            self._by_arn.clear()
        counted.caller = "" if name == OTHERS else _caller_of(arn)
        self._by_arn[key_store, arn] = counted
        return counted

    def _look_at_clock(self, now: float) -> None:
        self._hours_hold_until = now - now % _MINUTE_SECONDS + _MINUTE_SECONDS
        if self.rules.outside_hours is WatchMode.OFF:
            self._is_outside = False
            return
        day = (int(now // _DAY_SECONDS) + _FIRST_DAY) % _DAYS_OF_WEEK
        hour = now % _DAY_SECONDS / _HOUR_SECONDS
        first, last = self.rules.hours
        self._is_outside = day not in self.rules.days or not first <= hour < last

    def _judge(self, counted: _Principal, caller: KnownCaller, *, is_known: bool) -> Findings:
        rules = self.rules
        found: list[tuple[str, WatchMode]] = []
        if counted.count > counted.limit:
            found.append((RATE_FLAG, rules.unusual_rate))
        if not is_known:
            if caller in self._known or rules.new_caller is WatchMode.OFF:
                counted.known_keys.add((caller.external_key_id, counted.caller))
            else:
                found.append((CALLER_FLAG, rules.new_caller))
                if rules.new_caller is WatchMode.FLAG:
                    self._learn(counted, caller)
        if self._is_outside:
            found.append((HOURS_FLAG, rules.outside_hours))
        blocking = next((flag for flag, mode in found if mode is WatchMode.BLOCK), "")
        return Findings(tuple(flag for flag, _ in found), blocking)

    def _learn(self, counted: _Principal, caller: KnownCaller) -> None:
        self._known.add(caller)
        self._new_callers.add(caller)
        counted.known_keys.add((caller.external_key_id, counted.caller))


class _Principal:
    """The decryptions of one principal in one key store, in this process."""

    __slots__ = ("caller", "count", "has_learnt", "known_keys", "limit", "mean", "minute_ends", "minutes")

    def __init__(self, mean: float, minutes: int) -> None:
        self.mean = mean
        self.minutes = minutes
        self.count = 0
        """In this minute."""
        self.limit = float("inf")
        self.minute_ends = 0.0
        self.caller = ""
        self.known_keys: set[tuple[str, str]] = set()
        """The keys that are known to decrypt for it, with the caller that it counts as."""
        self.has_learnt = False

    def begin_minute(self, now: float, rules: WatchRules) -> None:
        """Learn from the minute that is over, and say what is usual in the one that begins."""
        if self.count:
            # No more than the limit is learnt of a minute: a flood must not make itself usual.
            seen = min(self.count, self.limit)
            self.minutes += 1
            self.mean += (seen - self.mean) / min(self.minutes, _LONGEST_MEMORY)
            self.count = 0
            self.has_learnt = True
        self.minute_ends = now - now % _MINUTE_SECONDS + _MINUTE_SECONDS
        if rules.unusual_rate is WatchMode.OFF:
            return
        floor = rules.rate_floor / rules.workers
        usual = self.mean * rules.rate_factor if self.minutes >= _LEAST_MINUTES else 0.0
        self.limit = max(floor, usual)


def _caller_of(principal: str) -> str:
    """Return the account of a principal, or the principal itself if it is a service."""
    return account_of(principal) or principal
