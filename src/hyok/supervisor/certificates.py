"""The certificate as its keeper sees it: when its files change, and when it expires."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from hyok.config.references import SecretReference, resolve_path
from hyok.errors import OperatorError
from hyok.transport.pem import CertificateState

POLL_SECONDS: Final = 1.0
"""A change takes effect within two looks and the time to load it."""

Fingerprint: TypeAlias = tuple[tuple[int, int, int] | None, ...]


REMINDER_SECONDS: Final = 86_400.0
_LAST_DAYS: Final = 30
_log = logging.getLogger("hyok")


def report_expiry(state: CertificateState) -> None:
    """Tell the operator how long a certificate is valid; in its last 30 days as a warning."""
    for warning in state.warnings:
        _log.warning("%s", warning)
    days = (state.expires_at - time.time()) / 86_400
    _log.log(logging.WARNING if days < _LAST_DAYS else logging.INFO, "the certificate expires in %.0f days", days)


def is_expiring(state: CertificateState) -> bool:
    """Tell whether a certificate has its last 30 days, or has expired."""
    return state.expires_at - time.time() < _LAST_DAYS * 86_400


def refuse_out_of_date(state: CertificateState, *, present: CertificateState) -> None:
    """Raise OperatorError for a certificate that no client accepts now, while the present one is accepted."""
    if state.warnings and not present.warnings and present.expires_at > time.time():
        raise OperatorError("; ".join(state.warnings))


class CertificateFiles:
    """Watches the files that references name; a variable does not change while a process runs.

    They are looked at off the loop, because they may be on a slow file system.
    """

    def __init__(self, references: Callable[[], Sequence[SecretReference]], environment: Mapping[str, str]) -> None:
        """`references` is asked at each look."""
        self._references = references
        self._environment = environment
        self._seen = self._look()

    async def watch(self, on_change: Callable[[], None]) -> None:
        """Call `on_change` after each change, until cancelled.

        A change counts once two looks have found the same: certificate and key are seldom replaced in one moment.
        """
        last = self._seen
        while True:
            await asyncio.sleep(POLL_SECONDS)
            now = await asyncio.to_thread(self._look)
            if now == last and now != self._seen:
                self._seen = now
                on_change()
            last = now

    def _look(self) -> Fingerprint:
        paths = (resolve_path(each, self._environment) for each in self._references())
        return tuple(_fingerprint(path) for path in paths if path is not None)


def _fingerprint(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
