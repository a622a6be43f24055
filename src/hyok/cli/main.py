"""The `hyok` command: finds the subcommand, and turns every failure into one sentence and an exit status.

A subcommand's module is imported when it is asked for, and what it needs when it runs: `hyok --help` must be quick.
Exit status: 0 done, 1 not done, 2 usage or configuration, 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from hyok.cli.options import author_options, configuration_option
from hyok.errors import HyokError, OperatorError

DONE: Final = 0
NOT_DONE: Final = 1
REFUSED: Final = 2
INTERRUPTED: Final = 130
"""128 and the number of SIGINT, as shells report it."""

TRACEBACK_VARIABLE: Final = "HYOK_TRACEBACK"

_PACKAGE: Final = Path(__file__).parents[1]

COMMANDS: Final = (
    "dev",
    "init",
    "proxy",
    "kms",
    "keystore",
    "credential",
    "key",
    "policy",
    "freeze",
    "unfreeze",
    "operator",
    "principal",
    "root",
    "anchor",
    "audit",
    "config",
)
"""Each is the command of the same name in the module of the same name beside this file."""


class LazyGroup(click.Group):
    """A group whose subcommands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a subcommand."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"hyok.cli.{cmd_name}"), cmd_name)
        return command if isinstance(command, click.Command) else None


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Each command shows an example with --help. Configuration: --config, HYOK_CONFIG, ./hyok.toml or "
    "/etc/hyok/hyok.toml.",
)
@configuration_option
@author_options
@click.version_option(package_name="hyok", prog_name="hyok", message="%(prog)s %(version)s")
def hyok_command() -> None:
    """Hold your own keys: an AWS KMS external key store proxy, its key managers, and a KMS to prove it against."""


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status. Errors are one line on stderr, never a traceback."""
    try:
        status = hyok_command.main(list(arguments), prog_name="hyok", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001  # the last boundary: a traceback would show what a sentence must not
        return _explain(_first_of(error))
    return status if isinstance(status, int) else DONE


def _first_of(error: BaseException) -> BaseException:
    """Return the first error of a task group's, which is why the others were cancelled."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _explain(error: BaseException) -> int:
    match error:
        case SystemExit() | BrokenPipeError():  # SystemExit: how click says that nobody reads our output any more
            return _end_quietly()
        case KeyboardInterrupt():
            return INTERRUPTED
        case click.Abort():  # its context and not its cause: at a question click hides the cause
            is_interrupt = isinstance(error.__context__, KeyboardInterrupt)
            return INTERRUPTED if is_interrupt else _say("no answer: nothing done", NOT_DONE)
        case click.exceptions.NoArgsIsHelpError():
            error.show()
            return REFUSED
        case click.ClickException():
            return _say(_usage_sentence(error), REFUSED)
        case OperatorError():
            return _say(str(error), REFUSED)
        case HyokError():
            return _say(str(error), NOT_DONE)
        case OSError():
            return _say(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", NOT_DONE)
        case BaseException():
            return _report_defect(error)


def _say(sentence: str, status: int) -> int:
    click.echo(f"hyok: {' '.join(sentence.split())}", err=True)
    return status


def _usage_sentence(error: click.ClickException) -> str:
    sentence = error.format_message().rstrip(".")
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{sentence}; see {error.ctx.command_path} --help"
    return sentence


def _end_quietly() -> int:
    # What is still buffered would be written at exit, and fail again, loudly.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return NOT_DONE


def _report_defect(error: BaseException) -> int:
    if os.environ.get(TRACEBACK_VARIABLE):
        traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    place = next(frame for frame in reversed(frames) if Path(frame.filename).is_relative_to(_PACKAGE))
    return _say(
        f"a defect of hyok: {type(error).__name__} at {Path(place.filename).name}:{place.lineno}; please report it, "
        f"with what {TRACEBACK_VARIABLE}=1 shows (it may hold what you gave the command)",
        NOT_DONE,
    )
