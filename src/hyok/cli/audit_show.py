"""`hyok audit show`: records for people."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hyok.cli.audit_filters import filter_options
from hyok.cli.audit_trail import directory_option, find_directory, logs_option
from hyok.cli.options import OutputFormat, example, output_option
from hyok.cli.output import print_document, print_table, say
from hyok.errors import OperatorError

if TYPE_CHECKING:
    from hyok.audit.following import TrailFollower
    from hyok.audit.reader import StoredRecord

_POLL_SECONDS: Final = 0.5
_HEADS: Final = ["TIME", "LOG", "NUMBER", "WHAT", "KEY", "WHO", "RESULT", "MS"]
_WIDTHS: Final = (26, 10, 8, 18, 24, 44, 24, 7)
"""Of the columns of `--follow`, which cannot know what comes."""


@click.command(
    short_help="Records, for people.",
    epilog=example("hyok audit show --since 2h --result failure", "hyok audit show --follow"),
)
@filter_options
@logs_option
@click.option(
    "--last", type=click.IntRange(min=1), default=100, show_default=True, metavar="N", help="At most so many."
)
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@directory_option
@output_option
def show(
    directory: Path | None,
    logs: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    principal: str,
    key_pattern: str,
    operation: str,
    result: str,
    request_id: str,
    last: int,
    follow: bool,
    output: OutputFormat,
) -> None:
    """Show the last records of all logs together, in the order of their times.

    This proves nothing; `hyok audit verify` does.
    """
    from hyok.audit.filters import RecordFilter
    from hyok.audit.reader import read_last_records

    if follow and output is OutputFormat.JSON:
        raise OperatorError(
            "--follow has no end, and --output json prints one document; use hyok audit export --follow"
        )
    trail = find_directory(directory)
    record_filter = RecordFilter(principal, key_pattern, operation, result, request_id)

    def wanted(record: StoredRecord) -> bool:
        if (since is not None and record.time < since) or (until is not None and record.time >= until):
            return False
        content = record.content()
        return content is not None and record_filter.matches(content)

    # Before the last records are read: what is written in between comes twice, and is shown once.
    follower = _follower_from_now_on(trail) if follow else None
    found = read_last_records(trail, last, logs=logs or None, wanted=wanted, since=since)
    match output:
        case OutputFormat.JSON:
            print_document({"records": [_document(record) for record in found]})
        case OutputFormat.TEXT if follower is not None:
            _print_lines([_HEADS, *map(_row, found)])
            _follow(follower, logs, wanted, shown={(record.log, record.number) for record in found})
        case OutputFormat.TEXT:
            print_table(_HEADS, [_row(record) for record in found], nothing="No records.")
            if len(found) == last:
                say(f"These are the last {last}; --last N shows more.")


def _follower_from_now_on(trail: Path) -> TrailFollower:
    from hyok.audit.following import TrailFollower

    follower = TrailFollower(trail)
    follower.skip_to_end()
    return follower


def _follow(
    follower: TrailFollower,
    logs: tuple[str, ...],
    wanted: Callable[[StoredRecord], bool],
    *,
    shown: Collection[tuple[str, int]],
) -> None:
    while True:
        fresh = []
        for record in follower.read():
            follower.advance(record)
            if (not logs or record.log in logs) and wanted(record) and (record.log, record.number) not in shown:
                fresh.append(record)
        _print_lines(_row(record) for record in sorted(fresh, key=lambda each: each.time))
        time.sleep(_POLL_SECONDS)


def _print_lines(rows: Iterable[list[str]]) -> None:
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, _WIDTHS, strict=True)).rstrip())


def _row(record: StoredRecord) -> list[str]:
    content = record.content() or {}
    asked = content.get("request_metadata") or {}
    duration = content.get("duration_us")
    return [
        record.time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        record.log,
        str(record.number),
        content.get("operation") or content.get("action") or content.get("event", ""),
        content.get("external_key_id") or content.get("subject", ""),
        asked.get("awsPrincipalArn") or content.get("operator") or content.get("peer", ""),
        _result(content),
        "" if duration is None else f"{duration / 1000:.2f}",
    ]


def _result(content: dict[str, Any]) -> str:
    if content.get("event") != "xks_request":
        return ""
    reason = content.get("statement") or content.get("authentication_failure")
    error = content.get("error", "success")
    return f"{error} ({reason})" if reason and "error" in content else str(error)


def _document(record: StoredRecord) -> dict[str, object]:
    return {
        "log": record.log,
        "number": record.number,
        "segment": record.segment,
        "line": record.line_number,
        "byte": record.offset,
        "record": record.content(),
    }
