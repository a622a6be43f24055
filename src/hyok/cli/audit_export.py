"""`hyok audit export`: records for other programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hyok.cli.audit_filters import filter_options
from hyok.cli.audit_trail import directory_option, find_directory, logs_option
from hyok.cli.options import example, read_configuration

if TYPE_CHECKING:
    from hyok.audit.reader import StoredRecord

_POLL_SECONDS: Final = 0.5


@click.command(
    short_help="Records, for other programs.",
    epilog=example("hyok audit export --since 2026-11-01 --format cef"),
)
@filter_options
@logs_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "cef"]),
    default="jsonl",
    show_default=True,
    help="jsonl: the records, one JSON object a line. cef: ArcSight's Common Event Format.",
)
@click.option("--unredacted", is_flag=True, help="Leave out no field, whatever [audit.redaction] says.")
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@directory_option
def export(
    directory: Path | None,
    logs: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    principal: str,
    key_pattern: str,
    operation: str,
    result: str,
    request_id: str,
    form: str,
    unredacted: bool,
    follow: bool,
) -> None:
    """Write the records of all logs together to standard output, in the order of their times.

    The fields that [audit.redaction] names are left out or replaced. A record that was redacted has another hash than
    the one in the log: what is proved is the trail, not the export.
    """
    from hyok.assembly.audit import open_redaction
    from hyok.audit.filters import RecordFilter
    from hyok.audit.formats import encode_cef, encode_jsonl
    from hyok.audit.redaction import NO_REDACTION

    redaction = NO_REDACTION if unredacted else open_redaction(read_configuration().audit)
    encode = encode_cef if form == "cef" else encode_jsonl
    record_filter = RecordFilter(principal, key_pattern, operation, result, request_id)
    for record in _records(find_directory(directory), logs, since, until, follow=follow):
        content = record.content()
        if content is not None and record_filter.matches(content):
            sys.stdout.buffer.write(encode(redaction.apply(content), record.log, record.number) + b"\n")
            if follow:
                sys.stdout.buffer.flush()


def _records(
    trail: Path, logs: tuple[str, ...], since: datetime | None, until: datetime | None, *, follow: bool
) -> Iterator[StoredRecord]:
    from hyok.audit.following import TrailFollower
    from hyok.audit.reader import read_records

    follower = TrailFollower(trail)
    for record in read_records(trail, logs=logs or None, since=since, until=until):
        follower.advance(record)
        yield record
    while follow:
        fresh = []
        for record in follower.read():
            follower.advance(record)
            # What is older than `since` was left out above, and so not advanced over.
            is_within = (since is None or record.time >= since) and (until is None or record.time < until)
            if is_within and (not logs or record.log in logs):
                fresh.append(record)
        yield from sorted(fresh, key=lambda each: each.time)
        time.sleep(_POLL_SECONDS)
