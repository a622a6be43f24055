"""`hyok audit prove`: evidence for somebody who has no access to the trail."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hyok.cli.audit_trail import directory_option, find_directory, find_key, key_option, read_kept_checkpoints
from hyok.cli.options import example
from hyok.cli.output import say
from hyok.errors import NotDoneError, OperatorError

if TYPE_CHECKING:
    from hyok.audit.checkpoints import Checkpoint
    from hyok.audit.layout import LogPlace
    from hyok.audit.notes import VerificationKey
    from hyok.audit.reader import StoredRecord

_to_option = click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the proof to this file instead of printing it.",
)


@click.group(short_help="Evidence for somebody who has no access.")
def prove() -> None:
    """Prove that a record is in a log, or that a log only grew, to somebody who has no access to it."""


@prove.command(epilog=example("hyok audit prove record proxy-1 4711 --to 4711.tlog-proof --record-to 4711.json"))
@click.argument("log")
@click.argument("number", type=click.IntRange(min=0))
@_to_option
@click.option(
    "--record-to",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the record itself to this file.",
)
@key_option
@directory_option
def record(
    directory: Path | None, key: str | None, log: str, number: int, to: Path | None, record_to: Path | None
) -> None:
    """Prove that a record is in a log: NUMBER is what `hyok audit show` prints, from 0.

    The proof is of the C2SP form tlog-proof and ends in the log's newest checkpoint.
    """
    from hyok.audit.proof_checking import Inclusion, check_inclusion
    from hyok.audit.proofs import prove_inclusion, read_log_hashes

    expected = find_key(key)
    place = _find_log(find_directory(directory), log)
    signed, newest = _newest(place, expected)
    stored = _find_record(place, number)
    proof = Inclusion(number, tuple(prove_inclusion(read_log_hashes(place), number, newest.size)), signed)
    # Before it leaves: a trail that was altered proves nothing.
    check_inclusion(proof, stored.line, expected)
    if record_to is not None:
        record_to.write_bytes(stored.line)
    _give(proof.encode(), to)


@prove.command(epilog=example("hyok audit prove growth monday.checkpoints --to monday-to-now.proof"))
@click.argument("old", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--log", metavar="LOG", help="Which log, if the file has checkpoints of several.")
@_to_option
@key_option
@directory_option
def growth(directory: Path | None, key: str | None, old: Path, log: str | None, to: Path | None) -> None:
    """Prove that a log begins with what the checkpoint in the file OLD signed, and only grew since."""
    from hyok.audit.proof_checking import Consistency, check_consistency
    from hyok.audit.proofs import prove_consistency, read_log_hashes

    expected = find_key(key)
    before = _choose(read_kept_checkpoints((old,), expected), log, old)
    place = _find_log(find_directory(directory), before.origin.rpartition("/")[2])
    signed, newest = _newest(place, expected)
    path = prove_consistency(read_log_hashes(place), before.size, newest.size) if before.size else []
    proof = Consistency(before.size, tuple(path), signed)
    check_consistency(proof, before, expected)
    _give(proof.encode(), to)


@prove.command(
    epilog=example(
        "hyok audit prove check 4711.tlog-proof --record 4711.json --key audit.pub",
        "hyok audit prove check monday-to-now.proof --old monday.checkpoints --key audit.pub",
    )
)
@click.argument("proof", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--record",
    "record_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The record, for the proof of one.",
)
@click.option(
    "--old",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The earlier checkpoints, for a proof of growth.",
)
@key_option
def check(proof: Path, record_file: Path | None, old: Path | None, key: str | None) -> None:
    """Check a proof. Needs no trail: the key, the proof, and the record or the earlier checkpoint."""
    from hyok.audit.checkpoints import parse_checkpoint
    from hyok.audit.errors import NoteError
    from hyok.audit.notes import parse_note
    from hyok.audit.proof_checking import Inclusion, check_consistency, check_inclusion, parse_proof

    expected = find_key(key)
    try:
        parsed = parse_proof(proof.read_bytes())
        if isinstance(parsed, Inclusion):
            if record_file is None:
                raise OperatorError("this proves a record: give the record with --record FILE")
            proved = check_inclusion(parsed, record_file.read_bytes().removesuffix(b"\n"), expected)
            say(f"The record is number {parsed.number} of the {proved.size} of {proved.origin}.")
        else:
            if old is None:
                raise OperatorError("this proves growth: give the earlier checkpoint with --old FILE")
            log = parse_checkpoint(parse_note(parsed.checkpoint)).origin
            kept = [each for each in read_kept_checkpoints((old,), expected) if each.origin == log]
            if not kept:
                raise NoteError(f"{old} has no checkpoint of {log}")
            proved = check_consistency(parsed, kept[0], expected)
            say(f"{proved.origin} with {proved.size} records begins with the {parsed.old_size} of the checkpoint.")
    except NoteError as error:
        raise NotDoneError(f"not proved: {error}") from error


def _find_log(directory: Path, log: str) -> LogPlace:
    from hyok.audit.trail import read_trail

    trail = read_trail(directory, None)
    if log not in trail.logs:
        raise OperatorError(f"there is no log {log!r} in {directory}; there are: {', '.join(trail.logs)}")
    return trail.place(log)


def _newest(place: LogPlace, key: VerificationKey) -> tuple[bytes, Checkpoint]:
    from hyok.audit.checkpoints import open_checkpoint
    from hyok.audit.errors import NoteError

    try:
        signed = place.checkpoint_file.read_bytes()
        return signed, open_checkpoint(signed, key)
    except FileNotFoundError as error:
        raise NotDoneError(f"the log {place.name} has no checkpoint yet; try again in a second") from error
    except NoteError as error:
        raise NotDoneError(f"the checkpoint of {place.name} is not right: {error}; run hyok audit verify") from error


def _find_record(place: LogPlace, number: int) -> StoredRecord:
    from hyok.audit.reader import read_log_from

    for stored in read_log_from(place, number):
        if stored.number == number:
            return stored
    raise NotDoneError(f"the log {place.name} has no record {number}")


def _choose(kept: list[Checkpoint], log: str | None, file: Path) -> Checkpoint:
    names = [each.origin.rpartition("/")[2] for each in kept]
    if log is None and len(kept) == 1:
        return kept[0]
    if log not in names:
        raise OperatorError(f"which log? name one with --log; {file} has checkpoints of {', '.join(names)}")
    return kept[names.index(log)]


def _give(proof: bytes, to: Path | None) -> None:
    if to is None:
        sys.stdout.buffer.write(proof)
    else:
        to.write_bytes(proof)
        say(f"The proof is in {to}; check it elsewhere with `hyok audit prove check {to.name}`.")
