"""`hyok operator`: who signs changes, and without whom nothing is unfrozen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hyok.cli.options import (
    PASSPHRASE_VARIABLE,
    OutputFormat,
    ask_passphrase,
    author_options,
    changing_holder,
    configuration_option,
    example,
    opened_holder,
    output_option,
    yes_option,
)
from hyok.cli.output import confirm as confirm_with_person
from hyok.cli.output import print_document, print_facts, print_table, say
from hyok.cli.private_file import write_private_file

if TYPE_CHECKING:
    from hyok.administration.operators import Proposed
    from hyok.custody.rulings import Pending


@click.group(short_help="Who signs changes, and may unfreeze.")
def operator() -> None:
    """Operators sign what they change with a key of their own. Once there is one, nothing is unfrozen without them."""


@operator.command(epilog=example("hyok operator create alice --passphrase --key-file alice.operator"))
@click.argument("name")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the private key to this new file (mode 0600); NAME.operator if left out.",
)
@click.option(
    "--passphrase", is_flag=True, help=f"Protect the file with a passphrase: asked for, or {PASSPHRASE_VARIABLE}."
)
@click.option("--public-key", metavar="KEY", help="Of a key that was made elsewhere; no file is written.")
@author_options
@configuration_option
@output_option
def create(name: str, key_file: Path | None, passphrase: bool, public_key: str | None, output: OutputFormat) -> None:
    """Make somebody an operator, with a new private key.

    The first one is believed as it comes; each further one is signed by an operator (--operator), or by two, where
    `hyok operator require 2` says so.
    """
    from hyok.administration.operators import add_operator
    from hyok.custody.operator_keys import new_operator, parse_operator, write_operator_key

    if public_key is not None:
        if key_file is not None or passphrase:
            raise click.UsageError("--public-key is of a key that is elsewhere; leave --key-file and --passphrase out")
        _, key = parse_operator(f"{name}+{public_key}")
        with changing_holder() as holder:
            proposed = add_operator(holder.storage, holder.recorder, holder.judge, name, key)
        _print_proposed("Operator", proposed, output, public_key=str(key))
        return
    made, private_key = new_operator(name)
    path = Path(f"{name}.operator") if key_file is None else key_file
    content = write_operator_key(name, private_key, ask_passphrase(name) if passphrase else None)
    with changing_holder() as holder:
        # The file first: an operator whose key is nowhere could never be used, and not be made anew.
        write_private_file(path, lambda: content)
        try:
            proposed = add_operator(holder.storage, holder.recorder, holder.judge, name, made.signer.key)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    _print_proposed("Operator", proposed, output, public_key=str(made.signer.key), key_file=str(path))


@operator.command("list", epilog=example("hyok operator list"))
@configuration_option
@output_option
def list_command(output: OutputFormat) -> None:
    """List the operators, and what waits for their signatures."""
    from hyok.administration.freezes import read_standing

    with opened_holder() as holder:
        standing = read_standing(holder.storage, holder.judge)
    match output:
        case OutputFormat.JSON:
            print_document(
                {
                    "operators": [{"name": name, "public_key": str(key)} for name, key in standing.operators.items()],
                    "required": standing.required,
                    "pending": [_pending_document(each) for each in standing.pending.values()],
                    "faults": standing.faults,
                }
            )
        case OutputFormat.TEXT:
            print_table(
                ["OPERATOR", "PUBLIC KEY"],
                [[name, str(key)] for name, key in standing.operators.items()],
                nothing="No operators: whoever may run hyok here may unfreeze. Make one with `hyok operator create`.",
            )
            if standing.required > 1:
                say(f"{standing.required} of them have to sign an unfreeze, and each change of operators.")
            for pending in standing.pending.values():
                say(f"Record {pending.record.sequence} waits for a further operator: {_describe(pending)}.")


@operator.command(epilog=example("hyok operator delete bob --operator alice.operator"))
@click.argument("name")
@yes_option
@author_options
@configuration_option
@output_option
def delete(name: str, yes: bool, output: OutputFormat) -> None:
    """Count somebody's signature no longer. What they signed so far stays in force."""
    from hyok.administration.operators import remove_operator

    with changing_holder() as holder:
        confirm_with_person(f"What {name} signs from now on will not count", yes=yes)
        proposed = remove_operator(holder.storage, holder.recorder, holder.judge, name)
    _print_proposed("No operator", proposed, output)


@operator.command(epilog=example("hyok operator require 2 --operator alice.operator"))
@click.argument("count", type=click.IntRange(1, 2))
@author_options
@configuration_option
@output_option
def require(count: int, output: OutputFormat) -> None:
    """Have one or two operators sign an unfreeze and each change of operators, from now on.

    To go back to one, two have to sign. What was unfrozen before stays so.
    """
    from hyok.administration.operators import require_operators

    with changing_holder() as holder:
        proposed = require_operators(holder.storage, holder.recorder, holder.judge, count)
    _print_proposed("Required", proposed, output)


@operator.command(epilog=example("hyok operator confirm 12 --operator bob.operator"))
@click.argument("record", type=click.IntRange(min=1))
@yes_option
@author_options
@configuration_option
@output_option
def confirm(record: int, yes: bool, output: OutputFormat) -> None:
    """Sign, as the second operator, an unfreeze or a change of operators that waits for one."""
    from hyok.administration import operators
    from hyok.administration.freezes import read_standing

    with changing_holder() as holder:
        pending = operators.get_pending(read_standing(holder.storage, holder.judge), record)
        confirm_with_person(f"You confirm: {_describe(pending)}", yes=yes)
        proposed = operators.confirm(holder.storage, holder.recorder, holder.judge, record)
    _print_proposed("Confirmed", proposed, output)


def _describe(pending: Pending) -> str:
    record = pending.record
    reason = f", because: {record.reason}" if record.reason else ""
    by = ", ".join(sorted(pending.signers)) or "nobody"
    return (
        f"{record.act} {record.subject}, of {record.at[:19]}Z, by {record.user}@{record.host}, signed by {by}{reason}"
    )


def _pending_document(pending: Pending) -> dict[str, object]:
    return {
        "record": pending.record.sequence,
        "act": pending.record.act,
        "subject": pending.record.subject,
        "at": pending.record.at,
        "reason": pending.record.reason,
        "signers": sorted(pending.signers),
        "needed": pending.needed,
    }


def _print_proposed(label: str, proposed: Proposed, output: OutputFormat, **more: str) -> None:
    record, pending = proposed.ruled.record, proposed.pending
    match output:
        case OutputFormat.JSON:
            print_document(
                {
                    "operator": {
                        "subject": record.subject,
                        "record": record.sequence,
                        "is_in_force": pending is None,
                        "waits_for_confirmation": None if pending is None else pending.record.sequence,
                        **more,
                    }
                }
            )
        case OutputFormat.TEXT:
            names = {"public_key": "Public key", "key_file": "Private key in"}
            print_facts(
                [
                    (label, record.subject),
                    ("Record", str(record.sequence)),
                    *((names[name], value) for name, value in more.items()),
                ]
            )
    if pending is not None:
        say(f"A second operator has to confirm it: `hyok operator confirm {pending.record.sequence}`.")
