"""Wait until no server goes by what was true before a change, and tell what each server said to it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

from sqlalchemy import Row, delete, select

from hyok.proxy.fleet import process_id
from hyok.storage.engine import Storage
from hyok.storage.schema import server_leases

_LOOK_SECONDS: Final = 0.02
_MARGIN_SECONDS: Final = 0.5
"""A server's answer that was on its way when its lease ended has left by then: it has 250 ms at the most."""


class Answer(Enum):
    """What became of a server since a change."""

    ACKNOWLEDGED = "acknowledged"
    ENDED = "ended"
    """Its process is no more."""
    EXPIRED = "expired"
    """It did not answer, and has not been able to read the storage since: it refuses all use of keys."""


class ServerAnswer(NamedTuple):
    """One server, and what it said."""

    server: str
    host: str
    pid: int
    answer: Answer
    seconds: float
    """From the change to the answer, or to the end of the lease."""


def await_servers(
    storage: Storage,
    position: int,
    *,
    changed_at: float,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[ServerAnswer, ...]:
    """Return when all servers have taken in the change log up to `position`, or can no longer go by what was before.

    `changed_at`, in seconds of `monotonic`, is when the change was committed. A server that does not answer has read
    the log before that for the last time, so its lease ends `stale_after_seconds` later, whatever its clock says.
    """
    answers: dict[str, ServerAnswer] = {}
    while True:
        with storage.reading() as connection:
            rows = connection.execute(select(server_leases)).all()
        passed = monotonic() - changed_at
        for row in rows:
            answer = _answer_of(row, position, passed)
            if answer is not None:
                answers.setdefault(row.server, ServerAnswer(row.server, row.host, row.pid, answer, passed))
        if all(row.server in answers for row in rows):
            break
        sleep(_LOOK_SECONDS)
    _remove_ended(storage, [each.server for each in answers.values() if each.answer is Answer.ENDED])
    return tuple(sorted(answers.values(), key=lambda each: (each.host, each.pid)))


def _answer_of(row: Row[tuple[object, ...]], position: int, passed: float) -> Answer | None:
    if row.position >= position:
        return Answer.ACKNOWLEDGED
    if _has_ended(row.process, row.pid):
        return Answer.ENDED
    return Answer.EXPIRED if passed > row.stale_after_seconds + _MARGIN_SECONDS else None


def _has_ended(process: str, pid: int) -> bool:
    """Tell whether a server of this very system, in this space of process ids, is no more."""
    boot_and_space = " ".join(process.split()[:2])
    ours = " ".join(process_id(os.getpid()).split()[:2])
    return bool(ours) and boot_and_space == ours and process_id(pid) != process


def _remove_ended(storage: Storage, servers: list[str]) -> None:
    if servers:
        with storage.transaction() as connection:
            connection.execute(delete(server_leases).where(server_leases.c.server.in_(servers)))
