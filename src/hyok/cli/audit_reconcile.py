"""`hyok audit reconcile`: the trail compared with AWS CloudTrail."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hyok.cli.audit_filters import TimeType
from hyok.cli.options import OutputFormat, configuration_option, example, output_option, read_configuration
from hyok.cli.output import format_time, print_document, print_facts, print_table, say

if TYPE_CHECKING:
    from hyok.audit.reconciliation.matching import Discrepancy
    from hyok.audit.reconciliation.reconciliation import Reconciliation

_FOUND: Final = 1
_SECONDS_PER_MINUTE: Final = 60


@click.command(
    short_help="The trail compared with AWS CloudTrail.",
    epilog=example(
        "hyok audit reconcile --cloudtrail ./AWSLogs",
        "hyok audit reconcile --cloudtrail ./AWSLogs --directory host-a --directory host-b --since 7d",
    ),
)
@click.option(
    "--cloudtrail",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Where CloudTrail's log files were copied to: .json.gz, .json or .jsonl, at any depth.",
)
@click.option(
    "--directory",
    "directories",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    multiple=True,
    metavar="DIR",
    help="The trail's directory or a copy of it, once for each host; the configuration's if left out.",
)
@click.option("--since", type=TimeType(), metavar="TIME", help="Judge from then on: 2026-11-24T10:00Z, or 2h ago.")
@click.option("--until", type=TimeType(), metavar="TIME", help="When the log files were copied.  [default: now]")
@click.option(
    "--delay",
    type=click.FloatRange(0, 24 * 60),
    default=15.0,
    show_default=True,
    metavar="MINUTES",
    help="How long CloudTrail may take: what is newer is not judged.",
)
@click.option("--account", "accounts", multiple=True, metavar="ID", help="Only keys of this AWS account.")
@click.option("--custom-key-store", "stores", multiple=True, metavar="ID", help="Only events of this key store, cks-….")
@click.option(
    "--limit",
    type=click.IntRange(0, 100_000),
    default=1000,
    show_default=True,
    metavar="N",
    help="Show so many findings, the earliest. All are counted.",
)
@configuration_option
@output_option
def reconcile(
    cloudtrail: Path,
    directories: tuple[Path, ...],
    since: datetime | None,
    until: datetime | None,
    delay: float,
    accounts: tuple[str, ...],
    stores: tuple[str, ...],
    limit: int,
    output: OutputFormat,
) -> int:
    """Compare the trail with CloudTrail's log files, request by request, and say what only one of them knows.

    Found are uses of a key that CloudTrail does not know, events of which the proxy saw nothing, and differences in
    principal, operation, key, result, time and number of attempts. Health checks have no event and are passed over.
    Exit status 1 if anything is found. The temporary files need a fifth of the size of what is compared (TMPDIR).
    """
    from hyok.audit.reconciliation.reconciliation import Comparison
    from hyok.audit.reconciliation.reconciliation import reconcile as compare

    comparison = Comparison(
        trails=directories or (read_configuration().audit.directory,),
        cloudtrail=cloudtrail,
        now=time.time(),
        since=None if since is None else since.timestamp(),
        until=None if until is None else until.timestamp(),
        delay_seconds=delay * _SECONDS_PER_MINUTE,
        accounts=frozenset(accounts),
        stores=frozenset(stores),
        shown=limit,
    )
    with _shown_progress(cloudtrail) as progress:
        result = compare(comparison, progress)
    match output:
        case OutputFormat.JSON:
            print_document(_document(result))
        case OutputFormat.TEXT:
            _print(result)
    return 0 if result.is_clean else _FOUND


@contextmanager
def _shown_progress(cloudtrail: Path) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how far it is."""
    if not sys.stderr.isatty():
        yield lambda _bytes: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from hyok.audit.reconciliation.cloudtrail import find_log_files

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=sum(path.stat().st_size for path in find_log_files(cloudtrail)))
        yield lambda read: shown.advance(task, read)


def _print(result: Reconciliation) -> None:
    trail, cloudtrail = result.trail.counts, result.cloudtrail.counts
    beginning = format_time(result.since) or "the beginning"
    compared = f"from {beginning} to {format_time(result.until)}"
    if result.since is not None and result.since > result.until:
        compared = f"nothing yet: all of it is newer than {format_time(result.until)}; see --delay"
    print_facts(
        [
            ("compared", compared),
            ("trail", f"{trail['records']} records: {trail['uses']} uses of keys, {_passed_over(trail)}"),
            (
                "CloudTrail",
                f"{cloudtrail['events']} events in {cloudtrail['files']} files, {cloudtrail['kms_events']} of AWS KMS",
            ),
            ("matched", f"{result.matched} requests"),
            ("not judged", f"{result.not_judged} requests before or after what was compared"),
        ]
    )
    for file, text in result.unreadable:
        click.echo(f"UNREADABLE  {file}: {text}")
    if trail["malformed_records"]:
        click.echo(f"UNREADABLE  {trail['malformed_records']} records of the trail; run hyok audit verify")
    if result.discrepancies:
        click.echo()
        print_table(
            ["FINDING", "TIME", "REQUEST", "THE PROXY SAYS", "CLOUDTRAIL SAYS"],
            [
                [
                    each.finding.value,
                    format_time(each.time) or "",
                    each.request_id,
                    each.trail or "nothing",
                    each.cloudtrail or "nothing",
                ]
                for each in result.discrepancies
            ],
            nothing="",
        )
    say(_verdict(result))


def _passed_over(trail: dict[str, int]) -> str:
    return (
        f"{trail['health_check_records']} health checks, {trail['unproven_records']} that nothing proves, "
        f"{trail['other_records']} others"
    )


def _verdict(result: Reconciliation) -> str:
    total = sum(result.found.values())
    if total:
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(result.found.items()))
        shown = len(result.discrepancies)
        return f"{total} finding{'s' * (total != 1)} ({kinds})" + (f", {shown} shown" if shown < total else "")
    return "both tell the same" if result.is_clean else "not all of it could be read"


def _document(result: Reconciliation) -> dict[str, object]:
    return {
        "clean": result.is_clean,
        "since": format_time(result.since),
        "until": format_time(result.until),
        "trail": result.trail.counts,
        "cloudtrail": result.cloudtrail.counts,
        "matched": result.matched,
        "not_judged": result.not_judged,
        "found": result.found,
        "findings": [_finding(each) for each in result.discrepancies],
        "unreadable": [{"file": str(each.file), "text": each.text} for each in result.unreadable],
    }


def _finding(found: Discrepancy) -> dict[str, object]:
    use, event = found.use, found.event
    return {
        "finding": found.finding.value,
        "time": format_time(found.time),
        "request_id": found.request_id,
        "trail": found.trail,
        "cloudtrail": found.cloudtrail,
        "record": None
        if use is None
        else {
            "log": use.log,
            "record": use.record,
            "key_store": use.key_store,
            "operation": use.xks_operation,
            "kms_operation": use.kms_operation,
            "external_key_id": use.external_key_id,
            "kms_key_arn": use.key_arn,
            "principal": use.principal,
            "error": use.error,
        },
        "event": None
        if event is None
        else {
            "event_id": event.event_id,
            "event_name": event.name,
            "principal": event.principal,
            "error_code": event.error,
            "key_arns": list(event.key_arns),
            "custom_key_store_ids": list(event.store_ids),
            "xks_key_ids": list(event.xks_key_ids),
        },
    }
