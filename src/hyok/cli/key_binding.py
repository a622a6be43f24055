"""`hyok key bind` and `unbind`: external keys that serve one KMS key only."""

from __future__ import annotations

import click

from hyok.cli.options import changing_holder, configuration_option, example, yes_option
from hyok.cli.output import confirm, say

bind_option = click.option(
    "--bind-first-use", is_flag=True, help="Bind it to the first KMS key that uses it; any other is refused."
)
_keystore_option = click.option("--keystore", metavar="NAME", required=True, help="The key store that offers it.")


@click.command(epilog=example("hyok key bind payroll-eu --keystore main"))
@click.argument("external_key_id")
@_keystore_option
@yes_option
@configuration_option
def bind(external_key_id: str, keystore: str, yes: bool) -> None:
    """Bind an external key to the KMS key that uses it next; any other is refused from then on.

    If it is bound already, that is forgotten. `hyok key show` tells what it is bound to.
    """
    from hyok.administration.external_keys import show_external_key
    from hyok.administration.first_use import bind_at_next_use

    with changing_holder() as holder:
        key = show_external_key(holder.storage, key_store=keystore, external_key_id=external_key_id)
        if key.first_use is not None and key.first_use.kms_key_arn is not None:
            confirm(
                f"External key {external_key_id} is bound to {key.first_use.kms_key_arn}; whichever KMS key uses it "
                "next takes its place",
                yes=yes,
            )
        bind_at_next_use(holder.storage, holder.clock, key_store=keystore, external_key_id=external_key_id)
    say(f"External key {external_key_id} is bound to the KMS key that uses it next.")


@click.command(epilog=example("hyok key unbind payroll-eu --keystore main --yes"))
@click.argument("external_key_id")
@_keystore_option
@yes_option
@configuration_option
def unbind(external_key_id: str, keystore: str, yes: bool) -> None:
    """Let an external key serve any KMS key again."""
    from hyok.administration.first_use import unbind as unbind_key

    confirm(f"External key {external_key_id} may then be used through any KMS key", yes=yes)
    with changing_holder() as holder:
        unbind_key(holder.storage, holder.clock, key_store=keystore, external_key_id=external_key_id)
    say(f"External key {external_key_id} serves any KMS key.")
