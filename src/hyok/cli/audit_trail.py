"""What the commands of `hyok audit` have in common: which trail, and the key that it must be signed with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from hyok.cli.options import configuration_option, read_configuration
from hyok.errors import OperatorError

if TYPE_CHECKING:
    from hyok.audit.checkpoints import Checkpoint
    from hyok.audit.notes import VerificationKey

CommandT = TypeVar("CommandT", bound=Callable[..., object])


def directory_option(command: CommandT) -> CommandT:
    """Add `--directory` as the parameter `directory`, and `--config`."""
    option = click.option(
        "--directory",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        metavar="DIR",
        help="The trail's directory or a copy of it; the configuration's if left out.",
    )
    return option(configuration_option(command))


def key_option(command: CommandT) -> CommandT:
    """Add `--key` as the parameter `key`."""
    return click.option(
        "--key",
        metavar="KEY",
        help="What `hyok audit key` printed, or a file that holds it; that of the configuration's storage if left out.",
    )(command)


def logs_option(command: CommandT) -> CommandT:
    """Add `--log` as the parameter `logs`."""
    return click.option("--log", "logs", multiple=True, metavar="LOG", help="Only this log, for example proxy-1.")(
        command
    )


def find_directory(directory: Path | None) -> Path:
    """Return the trail's directory."""
    return directory if directory is not None else read_configuration().audit.directory


def find_key(key: str | None) -> VerificationKey:
    """Return the key that was given, or the one in the storage. OperatorError if there is none."""
    from hyok.audit.errors import NoteError
    from hyok.audit.notes import parse_verification_key

    if key is None:
        return _stored_key()
    text = Path(key).read_text("utf-8") if len(key) < 256 and Path(key).is_file() else key  # a file's name
    try:
        return parse_verification_key(text)
    except NoteError as error:
        raise OperatorError(f"--key: {error}") from error


def read_kept_checkpoints(files: tuple[Path, ...], key: VerificationKey) -> list[Checkpoint]:
    """Read checkpoints that were kept elsewhere. OperatorError if one is none of this key's."""
    from hyok.audit.bundles import read_bundle
    from hyok.audit.errors import NoteError

    kept: list[Checkpoint] = []
    for file in files:
        try:
            kept += read_bundle(file.read_bytes(), key)
        except NoteError as error:
            raise OperatorError(f"{file}: {error}") from error
    return kept


def _stored_key() -> VerificationKey:
    from contextlib import closing

    from hyok.assembly.sides import open_side_storage
    from hyok.custody.audit_key import read_audit_key
    from hyok.storage.schema import Side

    settings = read_configuration().require_holder()
    with closing(open_side_storage(settings.storage, Side.HOLDER)) as storage:
        stored = read_audit_key(storage)
    if stored is None:
        raise OperatorError("the storage has no audit key yet; it is made at the first start of hyok proxy serve")
    return stored
