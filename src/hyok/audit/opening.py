"""Begin to write an audit log, or go on with one."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable
from importlib.metadata import version
from itertools import count
from pathlib import Path

from hyok.audit.abandoned import finish_abandoned
from hyok.audit.errors import AuditLogError, BrokenLogError
from hyok.audit.layout import LogPlace
from hyok.audit.log import AuditLog, LogRules
from hyok.audit.notes import Signer
from hyok.audit.recovery import Recovered, recover_log
from hyok.audit.structure import LogOpened, encode_structural, instant
from hyok.audit.trail import Trail, add_log, newest_sizes, open_trail, try_to_lock_log
from hyok.audit.writer import open_writer
from hyok.errors import OperatorError

_log = logging.getLogger(__name__)


def open_audit_log(
    directory: Path,
    *,
    service: str,
    signer: Signer,
    now: Callable[[], float] = time.time,
    rules: LogRules | None = None,
) -> AuditLog:
    """Go on with the first log of this service in `directory` that nobody writes, or begin one; `now` in Unix seconds.

    A log that was altered is left as it is, and said so. OperatorError if none can be written.
    """
    trail = open_trail(directory, signer)
    try:
        for number in count(1):
            log = _open_log(trail, f"{service}-{number}", signer, now, rules or LogRules())
            if log is not None:
                return log
    except (OSError, AuditLogError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OperatorError(
            f"cannot start the audit log in {directory}: {reason}; "
            "name a directory in [audit] directory that this user may write to, with room for it"
        ) from error
    raise AssertionError("numbers do not end")


def _open_log(trail: Trail, name: str, signer: Signer, now: Callable[[], float], rules: LogRules) -> AuditLog | None:
    trail = add_log(trail, name, signer)
    place = trail.place(name)
    descriptor = try_to_lock_log(place)
    if descriptor is None:
        return None
    try:
        recovered = recover_log(place, signer.key)
        finish_abandoned(place, recovered.segment, signer)
        writer = open_writer(place, recovered, rotation=rules.rotation, now=now)
        opening = _opening_record(trail, place, signer, recovered, now())
        writer.write([encode_structural(opening)])
        log = AuditLog(writer, signer, lock_descriptor=descriptor, rules=rules, now=now)
        log.start()
    except BrokenLogError as error:
        _log.error("%s; it is kept as it is and another log is begun: run hyok audit verify", error)
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return log


def _opening_record(trail: Trail, place: LogPlace, signer: Signer, recovered: Recovered, now: float) -> LogOpened:
    sizes = newest_sizes(trail, signer.key)
    sizes.pop(place.name, None)
    return LogOpened(
        time=instant(now),
        host=socket.gethostname(),
        pid=os.getpid(),
        version=version("hyok"),
        records=recovered.tree.size,
        unsigned=recovered.unsigned,
        others=sizes,
    )
