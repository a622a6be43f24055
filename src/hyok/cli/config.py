"""`hyok config`: what the configuration says, and whether it fits this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import click

from hyok.cli.options import OutputFormat, configuration_option, example, output_option, read_configuration
from hyok.cli.output import print_document, print_table, say
from hyok.errors import OperatorError

if TYPE_CHECKING:
    from hyok.config.checking import Finding
    from hyok.config.configuration import Configuration


@click.group(short_help="The configuration: check and show it.")
def config() -> None:
    """The configuration: check and show it."""


@config.command(epilog=example("hyok config check --config /etc/hyok/hyok.toml"))
@configuration_option
@output_option
def check(output: OutputFormat) -> None:
    """Look whether everything that the configuration names is there and opens. Makes nothing."""
    from hyok.config.checking import Outcome, check_places

    configuration = read_configuration()
    findings = [*check_places(configuration, os.environ), *_try_storages(configuration)]
    match output:
        case OutputFormat.JSON:
            rows = [
                {"setting": each.setting, "outcome": each.outcome.value, "detail": each.detail} for each in findings
            ]
            print_document({"file": _file(configuration), "checks": rows})
        case OutputFormat.TEXT:
            print_table(
                ["SETTING", "OUTCOME", "DETAIL"],
                [[each.setting, each.outcome.value, each.detail] for each in findings],
                nothing="The configuration is empty.",
            )
    failed = [each for each in findings if each.outcome is Outcome.FAILED]
    if failed:
        raise OperatorError(f"{len(failed)} of {len(findings)} checks failed; {failed[0].setting}: {failed[0].detail}")
    say(f"{_file(configuration) or 'The environment'} is in order.")


@config.command(epilog=example("hyok config show --output json"))
@configuration_option
@output_option
def show(output: OutputFormat) -> None:
    """Print every value in force and where it came from. References are shown, secrets never."""
    configuration = read_configuration()
    match output:
        case OutputFormat.JSON:
            rows = [
                {
                    "setting": setting.path,
                    "value": setting.value,
                    "origin": {"kind": setting.origin.kind.value, "name": setting.origin.name},
                }
                for setting in configuration.effective
            ]
            print_document({"file": _file(configuration), "settings": rows})
        case OutputFormat.TEXT:
            print_table(
                ["SETTING", "VALUE", "FROM"],
                [[each.path, _text(each.value), str(each.origin)] for each in configuration.effective],
                nothing="The configuration is empty.",
            )


def _try_storages(configuration: Configuration) -> Iterator[Finding]:
    """Open each side's storage with its root key, if it was made already: opening would make it."""
    from hyok.assembly import open_root_key
    from hyok.config.checking import Finding, Outcome
    from hyok.custody.safe import open_safe
    from hyok.storage.engine import open_storage
    from hyok.storage.schema import Side

    sides = []
    if configuration.storage is not None and configuration.root_key is not None:
        sides.append(("storage.url", Side.HOLDER, configuration.storage.url, configuration.root_key.source))
    if (kms := configuration.kms) is not None:
        sides.append(("kms.storage.url", Side.KMS, kms.storage.url, kms.root_key.source))
    for setting, side, url, source in sides:
        if not url.path.is_file():
            continue
        try:
            root = open_root_key(source)
            with closing(open_storage(str(url), side)) as storage:
                open_safe(storage, root)
        except OperatorError as error:
            yield Finding(setting, Outcome.FAILED, str(error))
        else:
            yield Finding(setting, Outcome.OK, "opens with its root key")


def _file(configuration: Configuration) -> str | None:
    return None if configuration.file is None else str(configuration.file)


def _text(value: str | int | list[str] | None) -> str:
    match value:
        case None:
            return "not set"
        case list():
            return ", ".join(value)
        case str() | int():
            return str(value)
