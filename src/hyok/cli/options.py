"""Options that many commands share, and what they stand for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import click

from hyok.errors import HyokError, OperatorError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from hyok.assembly.holder import Holder
    from hyok.assembly.recorded import Recorded
    from hyok.config.configuration import Configuration
    from hyok.custody.records import Author, Operator
    from hyok.keymanagers.interface import KeyAdministrator
    from hyok.secret import Secret
    from hyok.storage.changes import NotedChange

CommandT = TypeVar("CommandT", bound=Callable[..., object])

_CONFIG_FILE: Final = "hyok.cli.config_file"
_OPERATOR_FILE: Final = "hyok.cli.operator_file"
_REASON: Final = "hyok.cli.reason"
OPERATOR_VARIABLE: Final = "HYOK_OPERATOR"
PASSPHRASE_VARIABLE: Final = "HYOK_OPERATOR_PASSPHRASE"  # noqa: S105  # where it is, not what it is


class OutputFormat(Enum):
    """What a command prints on standard output."""

    TEXT = "text"
    JSON = "json"


def example(*lines: str) -> str:
    """Make the epilog of a command's help."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def configuration_option(command: CommandT) -> CommandT:
    """Add `--config`, to `hyok` itself and to each command that reads it: people write it in both places."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The configuration file.",
        expose_value=False,
        callback=_remember_file,
    )(command)


def author_options(command: CommandT) -> CommandT:
    """Add `--operator` and `--reason`, to `hyok` itself and to the commands that are about them."""
    command = click.option(
        "--reason",
        metavar="TEXT",
        help="Why, for the record.",
        expose_value=False,
        callback=lambda context, _parameter, value: _remember(context, _REASON, value),
    )(command)
    return click.option(
        "--operator",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=f"Your operator's key, which signs what you change; {OPERATOR_VARIABLE} if left out.",
        expose_value=False,
        callback=lambda context, _parameter, value: _remember(context, _OPERATOR_FILE, value),
    )(command)


def output_option(command: CommandT) -> CommandT:
    """Add `--output text|json` as the parameter `output`."""
    return click.option(
        "--output",
        type=click.Choice([each.value for each in OutputFormat]),
        default=OutputFormat.TEXT.value,
        show_default=True,
        callback=lambda _context, _parameter, value: OutputFormat(value),
        help="text for people, json for programs: one document with stable names.",
    )(command)


def yes_option(command: CommandT) -> CommandT:
    """Add `--yes` as the parameter `yes`."""
    return click.option("--yes", is_flag=True, help="Do not ask.")(command)


def keystore_option(command: CommandT) -> CommandT:
    """Add `--keystore` as the optional parameter `keystore`."""
    return click.option("--keystore", metavar="NAME", help="The key store at the proxy.")(command)


def key_manager_option(command: CommandT) -> CommandT:
    """Add `--key-manager` as the optional parameter `key_manager`."""
    return click.option(
        "--key-manager",
        metavar="NAME",
        help="The key manager, as the configuration names it; the only one if left out.",
    )(command)


def read_configuration() -> Configuration:
    """Load the configuration that the running command is to use."""
    from hyok.config.configuration import load_configuration

    return load_configuration(click.get_current_context().meta.get(_CONFIG_FILE), os.environ)


@contextmanager
def opened_holder() -> Iterator[Holder]:
    """Open the holder's storage for a command that changes nothing in it."""
    from hyok.assembly.holder import open_holder

    with open_holder(read_configuration()) as holder:
        holder.storage.before_commit = _refuse_changes
        yield holder


def _refuse_changes(_connection: Connection, _changes: Sequence[NotedChange]) -> None:
    # Its record would be signed by nobody and not copied into the audit trail: undone, and reported as a defect.
    raise RuntimeError("this command changes the holder's storage, so it has to open it with changing_holder()")


@contextmanager
def changing_holder(operator: Operator | None = None) -> Iterator[Holder]:
    """Open the holder's storage for a command that changes it, in the name of its operator.

    That is the one given, else whoever `--operator` or HYOK_OPERATOR names. OperatorError if that key cannot be used.
    """
    from hyok.assembly.holder import open_holder

    configuration = read_configuration()
    with open_holder(configuration, read_author(operator)) as holder:
        try:
            yield holder
        finally:
            copy_records(configuration, holder)


def read_author(operator: Operator | None = None) -> Author:
    """Return in whose name the running command changes something. OperatorError if the operator's key is none."""
    from hyok.assembly.authors import this_process

    meta = click.get_current_context().meta
    return this_process(operator or _read_operator(meta.get(_OPERATOR_FILE)), meta.get(_REASON) or "")


def copy_records(configuration: Configuration, recorded: Recorded | None) -> None:
    """Copy the records into the audit trail. That this fails undoes nothing: they are in the storage."""
    from hyok.assembly.audit import copy_administrative_records
    from hyok.cli.output import say

    if recorded is None or not recorded.recorder.has_written:
        return
    try:
        copy_administrative_records(configuration.audit, recorded)
    except HyokError as error:
        say(f"What was done is recorded in the storage, and copied when the next command or server can: {error}")


def _read_operator(given: Path | None) -> Operator | None:
    from hyok.custody.operator_keys import MOST_FILE_BYTES, read_operator_key

    path = given or Path(os.environ.get(OPERATOR_VARIABLE, ""))
    if not path.name:
        return None
    try:
        with path.open("rb") as file:
            content = file.read(MOST_FILE_BYTES)
    except OSError as error:
        raise OperatorError(f"the operator's key {path} cannot be read: {error.strerror}") from error
    return read_operator_key(content, location=str(path), ask_passphrase=ask_passphrase)


def ask_passphrase(name: str) -> Secret:
    """Return the passphrase of an operator's key: from the environment, else from whoever is at the terminal."""
    from hyok.secret import Secret

    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is None:
        if not sys.stdin.isatty():
            raise OperatorError(f"the key of operator {name} has a passphrase; set {PASSPHRASE_VARIABLE}")
        given = click.prompt(f"Passphrase of operator {name}", hide_input=True, err=True)
    return Secret(given.encode())


def choose_key_manager(holder: Holder, name: str | None) -> tuple[str, KeyAdministrator]:
    """Return the key manager that was named, or the only one. OperatorError lists those there are."""
    there = ", ".join(holder.key_administrators)
    if name is None:
        if len(holder.key_administrators) != 1:
            raise OperatorError(f"which key manager? name one with --key-manager: {there}")
        return next(iter(holder.key_administrators.items()))
    administrator = holder.key_administrators.get(name)
    if administrator is None:
        raise OperatorError(f"no key manager {name!r} whose keys hyok can change; there are: {there}")
    return name, administrator


def _remember(context: click.Context, name: str, value: object) -> None:
    if value is not None:
        context.meta[name] = value


def _remember_file(context: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.meta[_CONFIG_FILE] = value
