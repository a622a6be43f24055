"""`hyok key`: the keys of a key manager, and which of them a key store offers to AWS KMS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hyok.cli.key_binding import bind, bind_option, unbind
from hyok.cli.key_listing import KeyListing, describe_listing, list_key_listings, print_key
from hyok.cli.key_material import cancel_deletion, delete, import_command
from hyok.cli.key_states import disable, enable, rotate, show
from hyok.cli.key_usages import usage_option, usages_of
from hyok.cli.managed_keys import changing_keys
from hyok.cli.options import (
    OutputFormat,
    changing_holder,
    choose_key_manager,
    configuration_option,
    example,
    key_manager_option,
    opened_holder,
    output_option,
)
from hyok.cli.output import print_document, print_table

if TYPE_CHECKING:
    from hyok.administration.external_keys import Place
    from hyok.assembly.holder import Holder

external_key_id_option = click.option(
    "--as", "external_key_id", metavar="ID", help="The id by which AWS KMS knows it (XksKeyId); KEY_ID if left out."
)
copy_option = click.option(
    "--copy",
    "copies",
    metavar="MANAGER:KEY_ID",
    multiple=True,
    help="A key of another key manager that stands in while this one does not work; repeatable, in their order. Only "
    "the copy that encrypted something can decrypt it.",
)


@click.group(short_help="External keys: create, import, add, rotate, disable, delete.")
def key() -> None:
    """External keys: the keys of a key manager, and which of them a key store offers to AWS KMS.

    A key that is in the key manager but not added to the key store does not exist for AWS KMS.
    """


@key.command(epilog=example("hyok key create payroll --keystore main"))
@click.argument("key_id")
@click.option("--keystore", metavar="NAME", help="Add it to this key store, too.")
@external_key_id_option
@usage_option
@key_manager_option
@configuration_option
@output_option
def create(
    key_id: str,
    keystore: str | None,
    external_key_id: str | None,
    usage: str,
    key_manager: str | None,
    output: OutputFormat,
) -> None:
    """Create an AES-256 key."""
    from hyok.administration.external_keys import add_external_key
    from hyok.administration.keys import create_key
    from hyok.administration.keystores import show_key_store

    if external_key_id is not None and keystore is None:
        raise click.UsageError("--as is how a key store calls the key; name the key store with --keystore")
    with changing_keys(key_manager) as keys:
        holder = keys.holder
        if keystore is not None:
            show_key_store(holder.storage, keystore)  # before a key is made that would then be in no key store
        created = create_key(keys.administrator, key_id, usages=usages_of(usage))
        if keystore is not None:
            add_external_key(
                holder.storage,
                holder.clock,
                key_store=keystore,
                external_key_id=external_key_id or key_id,
                key_manager=keys.manager,
                manager_key_id=key_id,
            )
        keys.print(created, output)


@key.command(epilog=example("hyok key add payroll --keystore main --as payroll-eu"))
@click.argument("key_id")
@click.option("--keystore", metavar="NAME", required=True, help="The key store that is to offer it.")
@external_key_id_option
@key_manager_option
@copy_option
@bind_option
@configuration_option
@output_option
def add(
    key_id: str,
    keystore: str,
    external_key_id: str | None,
    key_manager: str | None,
    copies: tuple[str, ...],
    bind_first_use: bool,
    output: OutputFormat,
) -> None:
    """Add a key of the key manager to a key store."""
    from hyok.administration.external_keys import add_external_key
    from hyok.administration.keys import show_key

    with changing_keys(key_manager) as keys:
        holder = keys.holder
        managed = show_key(keys.administrator, key_id)  # a typo would be a key that AWS KMS sees and nobody can use
        add_external_key(
            holder.storage,
            holder.clock,
            key_store=keystore,
            external_key_id=external_key_id or key_id,
            key_manager=keys.manager,
            manager_key_id=key_id,
            copies=[_place_of_copy(holder, text) for text in copies],
            bind_first_use=bind_first_use,
        )
        keys.print(managed, output)


@key.command("add-copy", epilog=example("hyok key add-copy payroll-eu bao:payroll --keystore main"))
@click.argument("external_key_id")
@click.argument("copy", metavar="MANAGER:KEY_ID")
@click.option("--keystore", metavar="NAME", required=True, help="The key store that offers it.")
@configuration_option
@output_option
def add_copy_command(external_key_id: str, copy: str, keystore: str, output: OutputFormat) -> None:
    """Add a copy of an external key in another key manager, to stand in while those before it do not work.

    The copy has material of its own: what one copy encrypted, only that one decrypts.
    """
    from hyok.administration.external_keys import add_copy
    from hyok.administration.keys import show_key

    with changing_holder() as holder:
        place = _place_of_copy(holder, copy)
        added = add_copy(holder.storage, holder.clock, key_store=keystore, external_key_id=external_key_id, place=place)
        managed = show_key(holder.key_administrators[added.key_manager], added.manager_key_id)
        print_key(describe_listing(holder, added.key_manager, managed), output)


@key.command("list", epilog=example("hyok key list --keystore main --output json"))
@click.option("--keystore", metavar="NAME", help="Only the keys that this key store offers.")
@click.option("--key-manager", metavar="NAME", help="Only the keys of this key manager.")
@configuration_option
@output_option
def list_command(keystore: str | None, key_manager: str | None, output: OutputFormat) -> None:
    """List the keys."""
    with opened_holder() as holder:
        if key_manager is not None:
            choose_key_manager(holder, key_manager)
        listings = list_key_listings(holder, keystore=keystore, key_manager=key_manager)
    match output:
        case OutputFormat.JSON:
            print_document({"keys": [listing.document() for listing in listings]})
        case OutputFormat.TEXT:
            print_table(
                ["KEY", "KEY MANAGER", "STATE", "VERSION", "OFFERED AS"],
                [_row(listing) for listing in listings],
                nothing="No keys; make one with `hyok key create`.",
            )


for command in (show, enable, disable, rotate, bind, unbind, import_command, delete, cancel_deletion):
    key.add_command(command)


def _place_of_copy(holder: Holder, text: str) -> Place:
    """Read `MANAGER:KEY_ID`; the manager must have the key."""
    from hyok.administration.external_keys import Place
    from hyok.administration.keys import show_key

    name, separator, key_id = text.partition(":")
    if not separator or not key_id:
        raise click.UsageError(f"{text!r} names no copy; write MANAGER:KEY_ID, such as bao:payroll")
    manager, administrator = choose_key_manager(holder, name)
    show_key(administrator, key_id)
    return Place(manager, key_id)


def _row(listing: KeyListing) -> list[str]:
    version = "" if listing.managed is None else str(listing.managed.active_version)
    return [listing.key_id, listing.key_manager, listing.state, version, " ".join(listing.external_ids)]
