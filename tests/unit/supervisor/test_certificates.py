from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import pytest

from hyok.config.references import ReferenceScheme, SecretReference
from hyok.supervisor import certificates
from hyok.supervisor.certificates import CertificateFiles, is_expiring, report_expiry
from hyok.transport.pem import CertificateState


def reference(path: Path) -> SecretReference:
    return SecretReference(ReferenceScheme.FILE, str(path))


def count_changes(monkeypatch: pytest.MonkeyPatch, files: CertificateFiles, *changes: tuple[float, Path, str]) -> int:
    """Make changes, each after so many looks, and return how often the watcher told of one."""
    monkeypatch.setattr(certificates, "POLL_SECONDS", 0.05)
    told: list[None] = []

    async def scenario() -> None:
        watch = asyncio.create_task(files.watch(lambda: told.append(None)))
        for looks, path, content in changes:
            await asyncio.sleep(looks * 0.05)
            draft = path.with_suffix(".new")
            draft.write_text(content)
            draft.replace(path)
        await asyncio.sleep(0.4)
        watch.cancel()

    asyncio.run(scenario())
    return len(told)


def test_a_changed_file_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.pem"
    path.write_text("old")
    files = CertificateFiles(lambda: [reference(path)], {})
    assert count_changes(monkeypatch, files, (2, path, "new")) == 1


def test_two_files_that_change_together_are_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = [tmp_path / "a.pem", tmp_path / "a.key"]
    files = CertificateFiles(lambda: [reference(path) for path in pair], {})
    assert count_changes(monkeypatch, files, (2, pair[0], "new"), (0, pair[1], "new")) == 1


def test_nothing_is_told_of_files_that_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = SecretReference(ReferenceScheme.ENVIRONMENT, "PEM")
    files = CertificateFiles(lambda: [reference(tmp_path / "missing"), variable], {"PEM": "x"})
    assert count_changes(monkeypatch, files) == 0


DAY = 86_400


@pytest.mark.parametrize(("days", "level"), [(29, logging.WARNING), (31, logging.INFO), (-1, logging.WARNING)])
def test_the_last_days_of_a_certificate_are_a_warning(caplog: pytest.LogCaptureFixture, days: int, level: int) -> None:
    state = CertificateState(time.time() + days * DAY, ())
    with caplog.at_level(logging.INFO):
        report_expiry(state)
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (level, f"the certificate expires in {days} days")
    ]
    assert is_expiring(state) is (level == logging.WARNING)


def test_what_was_found_at_the_check_is_told(caplog: pytest.LogCaptureFixture) -> None:
    report_expiry(CertificateState(0.0, ("the certificate server.pem expired on …",)))
    assert caplog.records[0].getMessage() == "the certificate server.pem expired on …"
