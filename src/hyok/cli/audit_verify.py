"""`hyok audit verify`: whether anything was altered, and where."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hyok.cli.audit_trail import (
    directory_option,
    find_directory,
    find_key,
    key_option,
    logs_option,
    read_kept_checkpoints,
)
from hyok.cli.options import OutputFormat, example, output_option
from hyok.cli.output import print_document, print_table, say

if TYPE_CHECKING:
    from hyok.audit.findings import Finding
    from hyok.audit.verification.log import VerifiedLog
    from hyok.audit.verification.trail import Verdict

_FOUND = 1


@click.command(
    short_help="Whether anything was altered, and where.",
    epilog=example(
        "hyok audit verify",
        "hyok audit verify --directory /mnt/copy --key audit.pub --against monday.checkpoints",
    ),
)
@click.option(
    "--against",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="Checkpoints kept elsewhere, as `hyok audit checkpoint` prints them: the proof that no end was cut.",
)
@logs_option
@key_option
@directory_option
@output_option
def verify(
    directory: Path | None, key: str | None, logs: tuple[str, ...], against: tuple[Path, ...], output: OutputFormat
) -> int:
    """Verify every record, and say where something was altered, removed, added, moved or cut off.

    Exit status 1 if anything is found. Disturbs no running proxy. What is newer than the newest checkpoint kept
    elsewhere can have been rewritten by whoever holds both the directory and the signing key.
    """
    from hyok.audit.verification.trail import verify_trail

    trail = find_directory(directory)
    expected = find_key(key)
    kept = read_kept_checkpoints(against, expected)
    with _shown_progress(trail) as progress:
        verdict = verify_trail(trail, expected, kept=kept, logs=logs, progress=progress)
    match output:
        case OutputFormat.JSON:
            print_document(_document(verdict))
        case OutputFormat.TEXT:
            _print(verdict)
            if not against and verdict.is_intact:
                say(
                    "No end of a log was cut off, as far as the trail itself can tell; --against a checkpoint that was "
                    "kept elsewhere proves it."
                )
    return 0 if verdict.is_intact else _FOUND


@contextmanager
def _shown_progress(directory: Path) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how far it is."""
    if not sys.stderr.isatty():
        yield lambda _bytes: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from hyok.audit.verification.trail import total_bytes

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=total_bytes(directory))
        yield lambda read: shown.advance(task, read)


def _print(verdict: Verdict) -> None:
    print_table(
        ["LOG", "RECORDS", "SEGMENTS", "SIGNED UP TO", "RESULT"],
        [
            [log.name, _records(log), str(log.segments), str(log.signed_records), _result(log.name, verdict)]
            for log in verdict.logs
        ],
        nothing="No log could be read.",
    )
    for finding in verdict.findings:
        click.echo(f"{finding.kind.value.upper()}  {finding.place()}: {finding.text}")
    count = len(verdict.findings)
    say(f"{verdict.trail}: " + ("intact" if verdict.is_intact else f"{count} finding{'s' * (count != 1)}"))


def _records(log: VerifiedLog) -> str:
    return f"{log.first_record} to {log.records - 1}" if log.first_record else str(log.records)


def _result(name: str, verdict: Verdict) -> str:
    found = sum(finding.log == name for finding in verdict.findings)
    return f"{found} found" if found else "intact"


def _document(verdict: Verdict) -> dict[str, object]:
    return {
        "trail": verdict.trail,
        "intact": verdict.is_intact,
        "logs": [
            {
                "log": log.name,
                "first_record": log.first_record,
                "records": log.records,
                "segments": log.segments,
                "signed_records": log.signed_records,
                "root": log.root.hex(),
            }
            for log in verdict.logs
        ],
        "findings": [_finding_document(finding) for finding in verdict.findings],
    }


def _finding_document(finding: Finding) -> dict[str, object]:
    return {
        "kind": finding.kind.value,
        "log": finding.log,
        "segment": finding.segment,
        "line": finding.line,
        "byte": finding.byte,
        "record": finding.record,
        "text": finding.text,
    }
