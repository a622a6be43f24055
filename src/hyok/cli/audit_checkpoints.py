"""`hyok audit checkpoint` and `hyok audit key`: what to keep elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from hyok.cli.audit_trail import directory_option, find_directory, find_key, key_option
from hyok.cli.options import OutputFormat, example, output_option
from hyok.cli.output import print_document, say
from hyok.errors import NotDoneError


@click.command(
    short_help="The signed state of every log, to keep elsewhere.",
    epilog=example("hyok audit checkpoint --to /mnt/elsewhere/monday.checkpoints"),
)
@click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write them to this file instead of printing them.",
)
@key_option
@directory_option
@output_option
def checkpoint(directory: Path | None, key: str | None, to: Path | None, output: OutputFormat) -> None:
    """Print the signed state of every log, to be kept where nobody who can write the trail can write.

    `hyok audit verify --against FILE` proves with it that nothing up to there was altered or cut off.
    """
    from hyok.audit.bundles import make_bundle, read_bundle
    from hyok.audit.errors import NoteError
    from hyok.audit.trail import read_trail

    expected = find_key(key)
    try:
        trail = read_trail(find_directory(directory), expected)
        bundle = make_bundle(trail, expected)
        checkpoints = read_bundle(bundle, expected)
    except NoteError as error:
        raise NotDoneError(f"the trail's own signatures are not right: {error}; run hyok audit verify") from error
    if to is not None:
        to.write_bytes(bundle)
    match output:
        case OutputFormat.JSON:
            print_document(
                {
                    "trail": trail.name,
                    "checkpoints": [
                        {"log": each.origin.rpartition("/")[2], "records": each.size, "root": each.root.hex()}
                        for each in checkpoints
                    ],
                    "bundle": bundle.decode(),
                }
            )
        case OutputFormat.TEXT if to is None:
            click.echo(bundle, nl=False)
        case OutputFormat.TEXT:
            records = sum(each.size for each in checkpoints)
            say(f"{len(checkpoints)} logs with {records} records, in {to}.")


@click.command(short_help="The public key that the trail is signed with.", epilog=example("hyok audit key"))
@directory_option
@output_option
def key(directory: Path | None, output: OutputFormat) -> None:
    """Print the public key that the trail is signed with, for whoever verifies it elsewhere.

    With --output json also as a key of each log, as a C2SP witness is told it.
    """
    from hyok.audit.trail import read_trail
    from hyok.errors import OperatorError

    stored = find_key(None)
    match output:
        case OutputFormat.TEXT:
            click.echo(str(stored))
        case OutputFormat.JSON:
            try:
                trail = read_trail(find_directory(directory), None)
                names = {place.name: stored.verifier_key(place.origin) for place in trail.places()}
            except OperatorError:
                names = {}  # nothing was written yet
            print_document({"key": str(stored), "logs": names})
