"""`hyok policy callers` and `allow-caller`: for whom keys decrypt, as the watch over decryptions knows it."""

from __future__ import annotations

import click

from hyok.cli.options import (
    OutputFormat,
    changing_holder,
    configuration_option,
    example,
    keystore_option,
    opened_holder,
    output_option,
)
from hyok.cli.output import print_document, print_table, say


@click.command(epilog=example("hyok policy callers --keystore main"))
@keystore_option
@configuration_option
@output_option
def callers(keystore: str | None, output: OutputFormat) -> None:
    """List the accounts and services for which keys have decrypted, as [authorization.decrypts] learns them."""
    from hyok.administration.decrypt_callers import list_callers

    with opened_holder() as holder:
        found = list_callers(holder.storage, key_store=keystore)
    match output:
        case OutputFormat.JSON:
            print_document({"callers": [each._asdict() for each in found]})
        case OutputFormat.TEXT:
            print_table(
                ["KEY STORE", "EXTERNAL KEY", "ACCOUNT OR SERVICE"],
                [list(each) for each in found],
                nothing="None yet; they are learnt where [authorization.decrypts] has a rule for new callers.",
            )


@click.command("allow-caller", epilog=example("hyok policy allow-caller 111122223333 --keystore main --key payroll"))
@click.argument("caller")
@click.option("--keystore", metavar="NAME", required=True, help="The key store at the proxy.")
@click.option("--key", "key_id", metavar="ID", required=True, help="The external key (XksKeyId).")
@configuration_option
def allow_caller(caller: str, keystore: str, key_id: str) -> None:
    """Let a key decrypt for an account or a service that is new to it; running proxies know it within ten seconds."""
    from hyok.administration.decrypt_callers import allow_caller as allow
    from hyok.proxy.authorization.decrypt_watch import KnownCaller

    with changing_holder() as holder:
        allow(holder.storage, holder.clock, KnownCaller(keystore, key_id, caller))
    say(f"External key {key_id} may decrypt for {caller}.")
