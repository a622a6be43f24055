"""`hyok unfreeze`: give access back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from hyok.cli.answers import answers_document, print_answers
from hyok.cli.options import (
    OutputFormat,
    author_options,
    changing_holder,
    configuration_option,
    example,
    output_option,
    yes_option,
)
from hyok.cli.output import confirm, print_document, print_facts, say
from hyok.cli.scopes import read_scope, scope_options

if TYPE_CHECKING:
    from hyok.administration.acknowledgements import ServerAnswer
    from hyok.administration.freezes import Unfrozen
    from hyok.custody.rulings import Scope


@click.command(epilog=example("hyok unfreeze --keystore main --operator alice.operator --reason 'incident 4711 over'"))
@scope_options
@yes_option
@author_options
@configuration_option
@output_option
def unfreeze(
    everything: bool,
    keystore: str | None,
    key: str | None,
    principal: str | None,
    account: str | None,
    yes: bool,
    output: OutputFormat,
) -> None:
    """Give back what a freeze of the same key, key store, principal, account or everything withdrew.

    Where there are operators, one has to sign it, and after `hyok operator require 2` a second one has to confirm it;
    servers check the signatures themselves.
    """
    from hyok.administration import acknowledgements, freezes

    scope = read_scope(everything=everything, keystore=keystore, key=key, principal=principal, account=account)
    with changing_holder() as holder:
        confirm(f"{str(scope).capitalize()} will be unfrozen: AWS KMS can use it again", yes=yes)
        unfrozen = freezes.unfreeze(holder.storage, holder.recorder, holder.judge, scope)
        answers = acknowledgements.await_servers(
            holder.storage, unfrozen.ruled[-1].position, changed_at=time.monotonic()
        )
    _print(scope, unfrozen, answers, output)


def _print(scope: Scope, unfrozen: Unfrozen, answers: tuple[ServerAnswer, ...], output: OutputFormat) -> None:
    waits_for = [each.record.sequence for each in unfrozen.pending]
    records = [each.record for each in unfrozen.ruled]
    match output:
        case OutputFormat.JSON:
            print_document(
                {
                    "unfreeze": {
                        "scope": scope.kind.value,
                        "name": scope.name,
                        "records": [each.sequence for each in records],
                        "operator": records[0].operator or None,
                        "is_in_force": not waits_for,
                        "waits_for_confirmation": waits_for,
                        **answers_document(answers),
                    }
                }
            )
        case OutputFormat.TEXT:
            print_facts(
                [
                    ("Frozen still" if waits_for else "Unfrozen", str(scope)),
                    ("Record", " ".join(str(each.sequence) for each in records)),
                    ("Signed by", records[0].operator or "nobody"),
                ]
            )
            print_answers(answers)
    for sequence in waits_for:
        say(f"A second operator has to confirm it: `hyok operator confirm {sequence}`.")
