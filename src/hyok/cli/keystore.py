"""`hyok keystore`: the key stores at the proxy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from hyok.cli.import_sample import import_sample
from hyok.cli.options import (
    OutputFormat,
    changing_holder,
    configuration_option,
    example,
    opened_holder,
    output_option,
    yes_option,
)
from hyok.cli.output import confirm, format_time, print_document, print_facts, print_table, say
from hyok.cli.private_file import write_private_file

if TYPE_CHECKING:
    from hyok.administration.credentials import CredentialPair
    from hyok.administration.keystores import KeyStore
    from hyok.assembly.holder import Holder
    from hyok.proxy.predecessors import Predecessor


class PredecessorType(click.ParamType["Predecessor"]):
    """`PROXY` or `PROXY:METADATA`."""

    name = "predecessor"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Predecessor:
        """Read it, or say what is wrong with it."""
        from hyok.proxy.predecessors import PredecessorError, parse_predecessor

        try:
            return parse_predecessor(str(value))
        except PredecessorError as error:
            self.fail(str(error), param, ctx)


region_option = click.option(
    "--region", "regions", metavar="REGION", multiple=True, help="Accept this AWS Region only; repeatable."
)
quota_option = click.option(
    "--quota", type=click.IntRange(min=1), metavar="N", help="Take at most so many requests per second."
)
predecessor_option = click.option(
    "--predecessor",
    "predecessors",
    metavar="PROXY[:METADATA]",
    multiple=True,
    type=PredecessorType(),
    help="Decrypt what another proxy wrote before: aws-sample (AWS's sample proxy) or raw-aad (one that passes the AAD "
    "on as it is), with the Base64 of its constant ciphertext metadata if it had any; repeatable.",
)


@click.group(short_help="Key stores at the proxy.")
def keystore() -> None:
    """Key stores at the proxy: a path prefix each, with credentials and external keys of its own."""


keystore.add_command(import_sample)


@keystore.command(epilog=example("hyok keystore create main --region eu-central-1"))
@click.argument("name")
@click.option(
    "--path-prefix", metavar="PATH", help="What stands before /kms/xks/v1; /NAME if left out, '' for nothing."
)
@region_option
@quota_option
@predecessor_option
@configuration_option
@output_option
def create(
    name: str,
    path_prefix: str | None,
    regions: tuple[str, ...],
    quota: int | None,
    predecessors: tuple[Predecessor, ...],
    output: OutputFormat,
) -> None:
    """Create a key store, without credentials and keys."""
    from hyok.administration.keystores import create_key_store

    with changing_holder() as holder:
        created = create_key_store(
            holder.storage,
            holder.clock,
            name=name,
            path_prefix=path_prefix,
            regions=regions,
            quota=quota,
            predecessors=predecessors,
        )
        [served] = _as_they_serve(holder, created)
    _print_key_store(served, output)


@keystore.command("list", epilog=example("hyok keystore list"))
@configuration_option
@output_option
def list_command(output: OutputFormat) -> None:
    """List the key stores."""
    from hyok.administration.keystores import list_key_stores

    with opened_holder() as holder:
        all_served = _as_they_serve(holder, *list_key_stores(holder.storage))
    match output:
        case OutputFormat.JSON:
            print_document({"keystores": [_document(each) for each in all_served]})
        case OutputFormat.TEXT:
            print_table(
                ["KEY STORE", "URI PATH", "REGIONS", "STATE"],
                [[it.name, it.uri_path, " ".join(it.regions) or "all", state] for it, state in all_served],
                nothing="No key stores; make one with `hyok keystore create`.",
            )


@keystore.command(epilog=example("hyok keystore show main"))
@click.argument("name")
@configuration_option
@output_option
def show(name: str, output: OutputFormat) -> None:
    """Show one key store."""
    from hyok.administration.keystores import show_key_store

    with opened_holder() as holder:
        [served] = _as_they_serve(holder, show_key_store(holder.storage, name))
    _print_key_store(served, output)


@keystore.command(epilog=example("hyok keystore update main --region eu-central-1 --region eu-west-1 --quota 1800"))
@click.argument("name")
@click.option("--path-prefix", metavar="PATH", help="What stands before /kms/xks/v1; '' for nothing.")
@region_option
@click.option("--any-region", is_flag=True, help="Accept all AWS Regions.")
@quota_option
@click.option("--no-quota", is_flag=True, help="Limit its requests no longer.")
@predecessor_option
@click.option("--no-predecessor", is_flag=True, help="Decrypt nothing any more that another proxy wrote.")
@yes_option
@configuration_option
@output_option
def update(
    name: str,
    path_prefix: str | None,
    regions: tuple[str, ...],
    any_region: bool,
    quota: int | None,
    no_quota: bool,
    predecessors: tuple[Predecessor, ...],
    no_predecessor: bool,
    yes: bool,
    output: OutputFormat,
) -> None:
    """Change a key store. What is left out stays; Regions and predecessors given replace all earlier ones.

    Running proxies take the change within a second, without dropping a connection.
    """
    from hyok.administration.keystores import show_key_store, update_key_store

    if regions and any_region:
        raise click.UsageError("--region and --any-region say two things; give one of them")
    if quota is not None and no_quota:
        raise click.UsageError("--quota and --no-quota say two things; give one of them")
    if predecessors and no_predecessor:
        raise click.UsageError("--predecessor and --no-predecessor say two things; give one of them")

    def change(present: KeyStore) -> KeyStore:
        return replace(
            present,
            path_prefix=present.path_prefix if path_prefix is None else path_prefix,
            regions=() if any_region else regions or present.regions,
            quota=None if no_quota else present.quota if quota is None else quota,
            predecessors=() if no_predecessor else predecessors or present.predecessors,
        )

    with changing_holder() as holder:
        present = show_key_store(holder.storage, name)
        for loss in _losses(present, change(present)):
            confirm(loss, yes=yes)
        [served] = _as_they_serve(holder, update_key_store(holder.storage, holder.clock, name, change))
    _print_key_store(served, output)


@keystore.command(epilog=example("hyok keystore delete main"))
@click.argument("name")
@click.option("--with-keys", is_flag=True, help="Even if it still offers external keys.")
@yes_option
@configuration_option
def delete(name: str, with_keys: bool, yes: bool) -> None:
    """Delete a key store and its credentials; the keys stay in their key managers."""
    from hyok.administration.external_keys import list_external_keys
    from hyok.administration.keystores import delete_key_store

    with changing_holder() as holder:
        count = len(list_external_keys(holder.storage, key_store=name))
        confirm(
            f"Key store {name}, its credentials and its offer of {count} external keys will be gone: AWS KMS can use "
            "none of them any more, and what they protect cannot be read",
            yes=yes,
        )
        delete_key_store(holder.storage, holder.clock, name, with_keys=with_keys)
    say(f"Key store {name} is deleted.")


@keystore.command("console-file", epilog=example("hyok keystore console-file main main.json"))
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--access-key-id", metavar="ID", help="The credential to put in; the newest active one if left out.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@configuration_option
def console_file(name: str, file: Path, access_key_id: str | None, force: bool) -> None:
    """Write the file that the AWS KMS console takes: URI path and credential. It holds a secret (mode 0600).

    That somebody had the secret shown leaves a record, as a change does.
    """
    from hyok.administration.credentials import reveal_credential, write_console_file
    from hyok.administration.keystores import show_key_store

    revealed: list[CredentialPair] = []
    with changing_holder() as holder:
        key_store = show_key_store(holder.storage, name)

        def make_content() -> bytes:
            pair = reveal_credential(
                holder.storage, holder.safe, holder.recorder, key_store=name, access_key_id=access_key_id
            )
            revealed.append(pair)
            return write_console_file(key_store.uri_path, pair)

        write_private_file(file, make_content, force=force)
    say(f"{file} holds the secret of credential {revealed[0].access_key_id}; delete it when the console has read it.")


class _Served(NamedTuple):
    key_store: KeyStore
    state: str
    """`frozen` if a freeze refuses it to everybody, else `active`."""


def _as_they_serve(holder: Holder, *key_stores: KeyStore) -> list[_Served]:
    from hyok.administration.freezes import is_frozen, read_standing

    standing = read_standing(holder.storage, holder.judge)
    return [_Served(each, "frozen" if is_frozen(standing, each.name) else "active") for each in key_stores]


def _losses(present: KeyStore, changed: KeyStore) -> Iterator[str]:
    """Yield what AWS KMS will no longer be able to do."""
    if changed.path_prefix != present.path_prefix:
        yield (
            f"Key store {present.name} moves from {present.uri_path} to {changed.uri_path}: AWS KMS finds nothing at "
            "the old path and can use none of its keys until it is given the new one (UpdateCustomKeyStore)"
        )
    lost = set(present.regions) - set(changed.regions)
    if changed.regions and (lost or not present.regions):
        named = " ".join(sorted(lost)) or f"every Region but {' '.join(changed.regions)}"
        yield f"Key store {present.name} will refuse what AWS KMS signs in {named}"
    if forgotten := [str(each) for each in present.predecessors if each not in changed.predecessors]:
        yield f"Key store {present.name} will no longer decrypt what was written by {', '.join(forgotten)}"


def _document(served: _Served) -> dict[str, object]:
    key_store, state = served
    return {
        "name": key_store.name,
        "uri_path": key_store.uri_path,
        "regions": list(key_store.regions),
        "state": state,
        "quota": key_store.quota,
        "predecessors": [str(each) for each in key_store.predecessors],
        "created_at": format_time(key_store.created_at),
    }


def _print_key_store(served: _Served, output: OutputFormat) -> None:
    key_store, state = served
    match output:
        case OutputFormat.JSON:
            print_document({"keystore": _document(served)})
        case OutputFormat.TEXT:
            print_facts(
                [
                    ("Key store", key_store.name),
                    ("URI path", key_store.uri_path),
                    ("Regions", " ".join(key_store.regions) or "all"),
                    ("State", state),
                    *(("Reads also", str(predecessor)) for predecessor in key_store.predecessors),
                    ("Quota", "none" if key_store.quota is None else f"{key_store.quota} requests/s"),
                    ("Created", format_time(key_store.created_at) or ""),
                ]
            )
