"""What a freeze or an unfreeze is about, as options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hyok.cli.options import CommandT

if TYPE_CHECKING:
    from hyok.custody.rulings import Scope


def scope_options(command: CommandT) -> CommandT:
    """Add `--everything`, `--keystore`, `--key`, `--principal` and `--account`."""
    for option in (
        click.option("--account", metavar="ID", help="An AWS account: its callers, and its KMS keys."),
        click.option("--principal", metavar="ARN", help="A user, a role with all its sessions, or one session."),
        click.option("--key", metavar="ID", help="One external key of the key store."),
        click.option("--keystore", metavar="NAME", help="A key store, with all its keys."),
        click.option("--everything", is_flag=True, help="All key stores of this installation."),
    ):
        command = option(command)
    return command


def read_scope(
    *, everything: bool, keystore: str | None, key: str | None, principal: str | None, account: str | None
) -> Scope:
    """Return what the options name. UsageError if that is nothing, or two things."""
    from hyok.custody.rulings import Scope, ScopeKind

    named = [
        *([Scope(ScopeKind.EVERYTHING)] if everything else []),
        *([Scope(ScopeKind.KEY_STORE, keystore)] if keystore and not key else []),
        *([Scope(ScopeKind.EXTERNAL_KEY, f"{keystore}/{key}")] if keystore and key else []),
        *([Scope(ScopeKind.PRINCIPAL, principal)] if principal else []),
        *([Scope(ScopeKind.ACCOUNT, account)] if account else []),
    ]
    if key and not keystore:
        raise click.UsageError("--key is one of a key store; say of which with --keystore")
    if len(named) != 1:
        raise click.UsageError(
            "name one thing: --keystore NAME, --keystore NAME --key ID, --principal ARN, --account ID or --everything"
        )
    return named[0]
