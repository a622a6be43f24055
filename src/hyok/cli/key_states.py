"""The part of `hyok key` that shows one key, and changes whether and with which version it is used."""

from __future__ import annotations

import click

from hyok.cli.managed_keys import changing_keys, opened_keys
from hyok.cli.options import OutputFormat, configuration_option, example, key_manager_option, output_option, yes_option
from hyok.cli.output import confirm


@click.command(epilog=example("hyok key show payroll"))
@click.argument("key_id")
@key_manager_option
@configuration_option
@output_option
def show(key_id: str, key_manager: str | None, output: OutputFormat) -> None:
    """Show one key."""
    from hyok.administration.keys import show_key

    with opened_keys(key_manager) as keys:
        keys.print(show_key(keys.administrator, key_id), output)


@click.command(epilog=example("hyok key enable payroll"))
@click.argument("key_id")
@key_manager_option
@configuration_option
@output_option
def enable(key_id: str, key_manager: str | None, output: OutputFormat) -> None:
    """Allow use of a key again."""
    from hyok.administration.keys import enable_key

    with changing_keys(key_manager) as keys:
        keys.print(enable_key(keys.administrator, key_id), output)


@click.command(epilog=example("hyok key disable payroll --yes"))
@click.argument("key_id")
@key_manager_option
@yes_option
@configuration_option
@output_option
def disable(key_id: str, key_manager: str | None, yes: bool, output: OutputFormat) -> None:
    """Refuse all use of a key until it is enabled again."""
    from hyok.administration.keys import disable_key, show_key

    with changing_keys(key_manager) as keys:
        listing = keys.describe(show_key(keys.administrator, key_id))
        confirm(
            f"{listing.title()} will encrypt and decrypt nothing until it is enabled again: what AWS KMS protects "
            "with it cannot be read meanwhile",
            yes=yes,
        )
        keys.print(disable_key(keys.administrator, key_id), output)


@click.command(epilog=example("hyok key rotate payroll"))
@click.argument("key_id")
@key_manager_option
@configuration_option
@output_option
def rotate(key_id: str, key_manager: str | None, output: OutputFormat) -> None:
    """Add a version that encrypts from now on; older ones decrypt on."""
    from hyok.administration.keys import rotate_key

    with changing_keys(key_manager) as keys:
        keys.print(rotate_key(keys.administrator, key_id), output)
