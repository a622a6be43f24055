"""`hyok policy replay`: the audit trail, decided on once more."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hyok.cli.audit_filters import TimeType
from hyok.cli.options import (
    OutputFormat,
    configuration_option,
    example,
    output_option,
    read_configuration,
)
from hyok.cli.output import print_document, print_table, say
from hyok.cli.policy_sources import policies_from, policies_with

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hyok.administration.policy_trials import Replay

_FOUND: Final = 1
"""Exit status where requests would be answered otherwise."""
_SHOWN_GROUPS: Final = 50


@click.command(epilog=example("hyok policy replay policy.json --keystore main --since 30d"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--keystore", default="", metavar="NAME", help="Beside the other policies of this key store, on its requests."
)
@click.option("--key", "key_id", default="", metavar="ID", help="As a policy of this external key of it.")
@click.option("--name", default="default", show_default=True, metavar="NAME", help="In the place of this policy there.")
@click.option(
    "--directory", type=click.Path(path_type=Path), metavar="DIR", help="The audit trail; the configured one."
)
@click.option("--since", type=TimeType(), metavar="TIME", help="From then on: 2026-11-24T10:00Z, or 30d ago.")
@click.option("--until", type=TimeType(), metavar="TIME", help="Before then.")
@configuration_option
@output_option
@click.pass_context
def replay(  # one parameter for each option
    context: click.Context,
    file: Path,
    keystore: str,
    key_id: str,
    name: str,
    directory: Path | None,
    since: datetime | None,
    until: datetime | None,
    output: OutputFormat,
) -> None:
    """Decide again on what the audit trail holds, and say what would have been otherwise, by principal.

    Without --keystore the policy stands alone, for the requests of all key stores. Exit status 1 if anything changes.
    """
    from hyok.administration.policy_trials import looks_at_extra_metadata, replay_records

    if key_id and not keystore:
        raise click.UsageError("--key is an external key of a key store; name that with --keystore")
    trail = directory if directory is not None else read_configuration().audit.directory
    policies = policies_with(file, keystore, key_id, name) if keystore else policies_from((file,), "")
    found = replay_records(policies, _records(trail, since, until), key_store=keystore)
    if looks_at_extra_metadata(policies):
        say("The policy looks at further metadata, which records hold only if a policy looked at it then, too.")
    match output:
        case OutputFormat.JSON:
            print_document(_replay_document(found))
        case OutputFormat.TEXT:
            _print_replay(found)
    if found.changed:
        context.exit(_FOUND)


def _records(trail: Path, since: datetime | None, until: datetime | None) -> Iterator[Mapping[str, Any]]:
    from hyok.audit.reader import read_records

    for record in read_records(trail, since=since, until=until):
        content = record.content()
        if content is not None and content.get("event") == "xks_request":
            yield content


def _print_replay(found: Replay) -> None:
    from hyok.administration.policy_trials import biggest

    rows: Sequence[Sequence[str]] = [
        [group.becomes, str(count), group.principal, group.operation, group.key, _reason(group.policy, group.statement)]
        for group, count in biggest(found, _SHOWN_GROUPS)
    ]
    print_table(
        ["BECOMES", "REQUESTS", "PRINCIPAL", "OPERATION", "EXTERNAL KEY", "BY"],
        rows,
        nothing="Every request would be answered as it was.",
    )
    if len(found.changed) > _SHOWN_GROUPS:
        say(f"These are the {_SHOWN_GROUPS} biggest of {len(found.changed)} groups; --output json has them all.")
    say(
        f"{found.evaluated} requests: {found.count('refused')} become refused, {found.count('allowed')} become "
        f"allowed, {found.still_allowed} stay allowed, {found.still_refused} stay refused."
    )
    if found.skipped:
        say(f"{found.skipped} records name too little to be decided on.")


def _reason(policy: str, statement: str) -> str:
    return f"{statement} of {policy}" if policy else "no statement allows it"


def _replay_document(found: Replay) -> dict[str, object]:
    from hyok.administration.policy_trials import biggest

    return {
        "evaluated": found.evaluated,
        "skipped": found.skipped,
        "still_allowed": found.still_allowed,
        "still_refused": found.still_refused,
        "become_refused": found.count("refused"),
        "become_allowed": found.count("allowed"),
        "changes": [{**group._asdict(), "requests": count} for group, count in biggest(found, len(found.changed))],
    }
