"""`hyok freeze`: end access at once, and say when it has ended everywhere."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hyok.cli.answers import answers_document, print_answers
from hyok.cli.drill import DrillOptions, drill_options, rehearse
from hyok.cli.drill import verify_report as show_report
from hyok.cli.options import (
    OutputFormat,
    author_options,
    changing_holder,
    configuration_option,
    example,
    opened_holder,
    output_option,
    yes_option,
)
from hyok.cli.output import confirm, print_document, print_facts, print_table, say
from hyok.cli.scopes import read_scope, scope_options

if TYPE_CHECKING:
    from hyok.administration.acknowledgements import ServerAnswer
    from hyok.administration.freezes import Ruled
    from hyok.custody.rulings import Freeze, Scope

_CONSEQUENCES: Final = {
    "everything": "AWS KMS will be refused every use of every key of this installation",
    "key store": "AWS KMS will be refused every use of every key of this key store",
    "external key": "AWS KMS will be refused every use of this key, and what it protects cannot be read",
    "principal": "this principal will be refused every use of every key",
    "account": "callers of this account, and callers of its KMS keys, will be refused every use of every key",
}


@click.command(
    epilog=example(
        "hyok freeze --keystore main --reason 'incident 4711'",
        "hyok freeze --list",
        "hyok freeze --drill --report drill.txt --endpoint xks.example.com:443",
        "hyok freeze --verify-report drill.txt",
    )
)
@scope_options
@click.option("--list", "list_freezes", is_flag=True, help="Show what is frozen, and change nothing.")
@yes_option
@click.option("--drill", is_flag=True, help="Rehearse it: freeze a test key that nobody uses, and give it back.")
@drill_options
@click.option(
    "--verify-report", type=click.Path(path_type=Path), metavar="FILE", help="Verify and show the report of a drill."
)
@author_options
@configuration_option
@output_option
def freeze(
    everything: bool,
    keystore: str | None,
    key: str | None,
    principal: str | None,
    account: str | None,
    list_freezes: bool,
    yes: bool,
    drill: bool,
    verify_report: Path | None,
    output: OutputFormat,
    **options: Any,
) -> None:
    """End access: of everybody to a key, a key store or everything, or of a principal or an account to all keys.

    Returns when no server uses what is frozen any more, and says how long each took: running ones are told within a
    second. One that does not answer has not been able to read the storage since then, and refuses all use of keys after
    `withdrawal.stale_after_seconds`; the command waits for that. Ctrl-C ends the wait, not the freeze.

    With --drill it does so to a test key in a key store of its own, and gives it back. The report is signed by the
    operator, or by the key of the audit trail if there is none. The status is 1 if a server did not answer, or the key
    was still used two seconds after the freeze.
    """
    if verify_report is not None:
        show_report(verify_report, output)
        return
    if drill:
        rehearse(DrillOptions(**options), output)
        return
    if list_freezes:
        _list(output)
        return
    scope = read_scope(everything=everything, keystore=keystore, key=key, principal=principal, account=account)
    from hyok.administration import acknowledgements, freezes

    with changing_holder() as holder:
        confirm(f"{str(scope).capitalize()}: {_CONSEQUENCES[scope.kind.value]}, until it is unfrozen", yes=yes)
        began_at = time.monotonic()
        ruled = freezes.freeze(holder.storage, holder.recorder, scope)
        frozen_at = time.monotonic()
        answers = acknowledgements.await_servers(holder.storage, ruled.position, changed_at=frozen_at)
    _print(scope, ruled, answers, frozen_at - began_at, output)


def _print(
    scope: Scope, ruled: Ruled, answers: tuple[ServerAnswer, ...], written_seconds: float, output: OutputFormat
) -> None:
    seconds = written_seconds + max((each.seconds for each in answers), default=0.0)
    match output:
        case OutputFormat.JSON:
            print_document(
                {
                    "freeze": {
                        "scope": scope.kind.value,
                        "name": scope.name,
                        "record": ruled.record.sequence,
                        "at": ruled.record.at,
                        "reason": ruled.record.reason,
                        "operator": ruled.record.operator or None,
                        "effective_after_seconds": round(seconds, 3),
                        **answers_document(answers),
                    }
                }
            )
        case OutputFormat.TEXT:
            print_facts(
                [
                    ("Frozen", str(scope)),
                    ("Record", str(ruled.record.sequence)),
                    ("Signed by", ruled.record.operator or "nobody"),
                    ("In force after", f"{seconds:.2f} s on all servers"),
                ]
            )
            print_answers(answers)


def _list(output: OutputFormat) -> None:
    from hyok.administration.freezes import read_standing

    with opened_holder() as holder:
        standing = read_standing(holder.storage, holder.judge)
    frozen = list(standing.freezes.values())
    match output:
        case OutputFormat.JSON:
            print_document({"freezes": [_document(each) for each in frozen], "faults": standing.faults})
        case OutputFormat.TEXT:
            print_table(
                ["FROZEN", "SINCE", "RECORD", "BY", "REASON"],
                [
                    [
                        str(each.scope),
                        each.record.at[:19] + "Z",
                        str(each.record.sequence),
                        _by(each),
                        each.record.reason,
                    ]
                    for each in frozen
                ],
                nothing="Nothing is frozen.",
            )
    for fault in standing.faults:
        say(f"Everything is refused, as if frozen: {fault}.")


def _by(freeze: Freeze) -> str:
    return freeze.record.operator or f"{freeze.record.user}@{freeze.record.host} (unsigned)"


def _document(freeze: Freeze) -> dict[str, object]:
    return {
        "scope": freeze.scope.kind.value,
        "name": freeze.scope.name,
        "record": freeze.record.sequence,
        "at": freeze.record.at,
        "operator": freeze.record.operator or None,
        "user": freeze.record.user,
        "host": freeze.record.host,
        "reason": freeze.record.reason,
    }
