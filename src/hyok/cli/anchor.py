"""`hyok anchor`: the high-water mark outside the database, by which an older copy of it is noticed."""

from __future__ import annotations

import click

from hyok.cli.options import OutputFormat, configuration_option, example, output_option, yes_option
from hyok.cli.output import confirm, print_document, print_facts
from hyok.cli.sides import changing_anchor, chosen_side, kms_option


@click.group(short_help="The anchor that tells an older copy of the storage.")
def anchor() -> None:
    """The anchor (`storage.anchor`): a file outside the database that knows the newest change in it.

    No server and no command starts with a storage that is older than its anchor.
    """


@anchor.command(epilog=example("hyok anchor show"))
@kms_option
@configuration_option
@output_option
def show(kms: bool, output: OutputFormat) -> None:
    """Show whether the storage is the one that its anchor knows. Exit status 1 if it is not."""
    from hyok.assembly.anchors import opened_beside_anchor
    from hyok.errors import NotDoneError

    with opened_beside_anchor(chosen_side(kms=kms)) as anchored:
        position, fault = anchored.position(), anchored.fault()
        match output:
            case OutputFormat.JSON:
                print_document(
                    {"anchor": {"file": str(anchored.anchor_path), "newest_change": position, "fault": fault}}
                )
            case OutputFormat.TEXT:
                print_facts([("Anchor", str(anchored.anchor_path)), ("Newest change in the storage", str(position))])
    if fault is not None:
        raise NotDoneError(fault)


@anchor.command(epilog=example("hyok anchor reset --yes"))
@kms_option
@yes_option
@configuration_option
@output_option
def reset(kms: bool, yes: bool, output: OutputFormat) -> None:
    """Take the storage as it is for the newest copy: after a restore on purpose, or for an anchor that is new.

    Everything that came after the copy was made is undone: see docs/operating.md before.
    """
    with changing_anchor(kms=kms) as anchored:
        fault = anchored.fault()
        if fault is not None:
            confirm(
                "The storage will be taken for the newest copy. If it is an older one, what came after it is undone: "
                "keys, credentials and key stores that were disabled, retired, frozen or deleted since are in use "
                f"again, and what was encrypted under key versions made since can never be read. Now: {fault}",
                yes=yes,
            )
            anchored.reset()
        document = {"file": str(anchored.anchor_path), "newest_change": anchored.position(), "fault": None}
        match output:
            case OutputFormat.JSON:
                print_document({"anchor": document})
            case OutputFormat.TEXT:
                print_facts([("Anchor", str(anchored.anchor_path)), ("Newest change", str(anchored.position()))])
