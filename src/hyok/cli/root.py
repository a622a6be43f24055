"""`hyok root`: the root key, under which everything secret in a storage is kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hyok.cli.options import OutputFormat, configuration_option, example, output_option, read_configuration, yes_option
from hyok.cli.output import confirm, print_document, print_facts, say
from hyok.cli.sides import changing_root_key, chosen_side, kms_option
from hyok.errors import NotDoneError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyok.config.root_sources import RootSource
    from hyok.custody.rewrapping import Keeping, Resealing
    from hyok.custody.slip39.sharing import Group


@click.group(short_help="The root key: show, create, replace by another.")
def root() -> None:
    """The root key: everything secret in a storage is kept under it.

    To replace it: `hyok root create`, `hyok root rewrap`, name it in the configuration, restart, `hyok root retire`.
    """


@root.command(epilog=example("hyok root create /etc/hyok/root-2.key", "hyok root create --shares 3-of-5"))
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--shares",
    metavar="M-of-N",
    multiple=True,
    help="Print the key in N shares of words (SLIP-0039), any M of which give it back. Several times: groups.",
)
@click.option(
    "--groups", "group_threshold", type=int, metavar="G", help="How many groups are needed; all of them if left out."
)
@output_option
def create(file: Path | None, shares: tuple[str, ...], group_threshold: int | None, output: OutputFormat) -> None:
    """Make a new root key: in FILE (mode 0600), which is not there yet, or in shares. It is used for nothing by this.

    Shares are printed once and stored nowhere: give each to another person, then name `shamir:tty` as root_key.source.
    """
    from hyok.custody.file_root import create_file_root

    if (file is None) is not bool(shares):
        raise click.UsageError("name either a file or --shares M-of-N")
    if file is None:
        _create_shares(shares, group_threshold or len(shares), output)
        return
    created = create_file_root(file.absolute())
    match output:
        case OutputFormat.JSON:
            print_document({"root_key": {"id": created.id, "file": str(file)}})
        case OutputFormat.TEXT:
            print_facts([("Root key", created.id), ("File", str(file))])


def _create_shares(shares: Sequence[str], group_threshold: int, output: OutputFormat) -> None:
    import secrets

    from hyok.custody.root_key import ROOT_KEY_BYTES, LocalRootKey
    from hyok.custody.slip39.errors import ShareError
    from hyok.custody.slip39.share import encode_share
    from hyok.custody.slip39.sharing import make_shares
    from hyok.secret import Secret

    key = Secret(secrets.token_bytes(ROOT_KEY_BYTES))
    try:
        made = make_shares(key, [_group(text) for text in shares], group_threshold=group_threshold)
    except ShareError as error:
        raise click.UsageError(str(error)) from error
    groups = [[encode_share(share) for share in group] for group in made]
    match output:
        case OutputFormat.JSON:
            print_document(
                {"root_key": {"id": LocalRootKey(key).id}, "groups_needed": group_threshold, "groups": groups}
            )
        case OutputFormat.TEXT:
            print_facts([("Root key", LocalRootKey(key).id)])
            for index, (group, text) in enumerate(zip(groups, shares, strict=True), start=1):
                print_facts(
                    [("", ""), (f"Group {index}", f"{text}; {group_threshold} of {len(groups)} groups are needed")]
                )
                print_facts([(f"Share {number}", share) for number, share in enumerate(group, start=1)])


def _group(text: str) -> Group:
    from hyok.custody.slip39.sharing import Group

    threshold, separator, members = text.partition("-of-")
    if not separator or not threshold.isdecimal() or not members.isdecimal():
        raise click.UsageError(f"--shares is M-of-N, for example 3-of-5, and {text!r} is not")
    return Group(int(threshold[:4]), int(members[:4]))


@root.command(epilog=example("hyok root show"))
@kms_option
@configuration_option
@output_option
def show(kms: bool, output: OutputFormat) -> None:
    """Show under which root key the storage is kept, and whether it is passing to another."""
    from hyok.assembly.root_keys import opened_for_change

    with opened_for_change(chosen_side(kms=kms)) as change:
        _print_keeping(change.keeping(), change.counts(), output)


@root.command(epilog=example("hyok root rewrap --to file:/etc/hyok/root-2.key"))
@click.option("--to", metavar="REFERENCE", required=True, help="Where the new root key is: as root_key.source.")
@kms_option
@yes_option
@configuration_option
@output_option
def rewrap(to: str, kms: bool, yes: bool, output: OutputFormat) -> None:
    """Seal everything under a new root key, while servers go on serving.

    It may be interrupted at any point and run again. Both root keys open the storage until `hyok root retire`.
    """
    from hyok.assembly.root_keys import open_successor

    successor = open_successor(read_configuration(), _source(to))
    with changing_root_key(kms=kms) as change:
        keeping = change.keeping()
        confirm(_what_rewrap_does(keeping, change.counts(), successor.id), yes=yes)
        with click.progressbar(length=sum(change.counts().values()), label="Sealing anew", file=sys.stderr) as bar:
            result = change.rewrap(successor, report=bar.update)
        match output:
            case OutputFormat.JSON:
                print_document({"root_key": _document(change.keeping()), "resealed": result.resealed})
            case OutputFormat.TEXT:
                _print_keeping(change.keeping(), change.counts(), output)
                _say_next_steps(to, keeping.root_key_id, kms=kms)
        _refuse_unreadable(result)


@root.command(epilog=example("hyok root retire --yes"))
@click.option("--leave-unreadable", is_flag=True, help="Go on though some values open under neither root key.")
@kms_option
@yes_option
@configuration_option
@output_option
def retire(leave_unreadable: bool, kms: bool, yes: bool, output: OutputFormat) -> None:
    """Let the former root key open nothing any more, once everything is sealed under the new one.

    First name the new one in the configuration and restart every server that uses the storage.
    """
    with changing_root_key(kms=kms) as change:
        keeping = change.keeping()
        if keeping.successor_id is not None:
            confirm(
                f"Root key {keeping.root_key_id} will not open the storage any more, only {keeping.successor_id} will. "
                "A server that was started with the former cannot replace its workers then: restart it before. Backups "
                "made until now still need the former: keep it as long as them",
                yes=yes,
            )
        change.retire(leave_unreadable=leave_unreadable)
        _print_keeping(change.keeping(), change.counts(), output)


def _source(text: str) -> RootSource:
    from hyok.config.root_sources import describe_root_source, parse_root_source

    try:
        return parse_root_source(text, Path.cwd())
    except ValueError as error:
        raise click.UsageError(
            f"--to names a root key as root_key.source does, and {describe_root_source(text)} is none"
        ) from error


def _what_rewrap_does(keeping: Keeping, counts: dict[str, int], successor_id: str) -> str:
    values = ", ".join(f"{count} in {table}" for table, count in counts.items())
    goes_on = ""
    if keeping.successor_id == successor_id:
        goes_on = ". This was begun before and goes on"
    elif keeping.successor_id is not None:
        goes_on = f". This was begun for root key {keeping.successor_id}, which will open nothing any more"
    return (
        f"Everything secret in the storage ({values}) will be sealed anew under root key {successor_id}. Until `hyok "
        f"root retire`, both {keeping.root_key_id} and {successor_id} open the storage. Servers go on "
        f"meanwhile{goes_on}"
    )


def _say_next_steps(to: str, former_id: str, *, kms: bool) -> None:
    section = "[kms.root_key]" if kms else "[root_key]"
    say(
        f'Next: set source = "{to}" in {section}, restart what serves from this storage, then run `hyok root retire'
        f"{' --kms' if kms else ''}`. Root key {former_id} opens the storage until then, and its backups for ever."
    )


def _refuse_unreadable(result: Resealing) -> None:
    if result.unreadable:
        raise NotDoneError(
            f"{len(result.unreadable)} sealed values open under neither root key and were left as they are; the first: "
            f"{result.unreadable[0]}"
        )


def _print_keeping(keeping: Keeping, counts: dict[str, int], output: OutputFormat) -> None:
    match output:
        case OutputFormat.JSON:
            print_document({"root_key": _document(keeping)})
        case OutputFormat.TEXT:
            facts = [("Storage", keeping.store_id), ("Root key", keeping.root_key_id)]
            if keeping.successor_id is not None:
                facts.append(("Passes to", keeping.successor_id))
            facts.append(("Sealed values", ", ".join(f"{count} in {table}" for table, count in counts.items())))
            print_facts(facts)


def _document(keeping: Keeping) -> dict[str, object]:
    return {"store_id": keeping.store_id, "id": keeping.root_key_id, "passes_to": keeping.successor_id}
