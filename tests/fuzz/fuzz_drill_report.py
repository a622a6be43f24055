"""Invariant: any bytes are a report that this key has signed, letter by letter, or one NoteError."""

from __future__ import annotations

from hyok.administration.drill_report import Report, Step, open_report, sign_report, signers_of
from hyok.audit.errors import NoteError
from hyok.audit.notes import Signer

SIGNER = Signer(bytes(32))
STEP = Step(1, "2026-01-01T00:00:00.000000+00:00", 0.25, ())
REPORT = Report("1.0", "storage", "key store hyok-drill", "", STEP, STEP, False, None, True)
SEEDS = (
    sign_report(REPORT, SIGNER, "alice"),
    SIGNER.sign("hyok.drill-report/1\n{}\n", "alice").encode(),
    SIGNER.sign("hyok.administrative-record/1\n{}\n", "alice").encode(),
)


def fuzz_one(data: bytes) -> None:
    """Open, and compare what was accepted with the only report that was ever signed."""
    try:
        report = open_report(data, SIGNER.key, "alice")
    except NoteError:
        return
    assert "alice" in signers_of(data)
    assert report == REPORT
