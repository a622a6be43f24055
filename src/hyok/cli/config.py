"""`hyok config`: what the configuration says, and whether it fits this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from hyok.cli.options import OutputFormat, configuration_option, example, output_option, read_configuration
from hyok.cli.output import print_document, print_table, say
from hyok.errors import OperatorError

if TYPE_CHECKING:
    from hyok.config.configuration import Configuration


@click.group(short_help="The configuration: check and show it.")
def config() -> None:
    """The configuration: check and show it."""


@config.command(epilog=example("hyok config check --config /etc/hyok/hyok.toml"))
@configuration_option
@output_option
def check(output: OutputFormat) -> None:
    """Look whether everything that the configuration names is there and opens. Makes nothing."""
    from hyok.cli.back_ends import try_back_ends
    from hyok.cli.needed_policies import needed_policies
    from hyok.config.checking import Outcome, check_places

    configuration = read_configuration()
    findings = list(check_places(configuration, os.environ))
    if not any(each.outcome is Outcome.FAILED for each in findings):
        findings += try_back_ends(configuration)  # else they would only say the same again
    policies = needed_policies(configuration)
    match output:
        case OutputFormat.JSON:
            rows = [
                {"setting": each.setting, "outcome": each.outcome.value, "detail": each.detail} for each in findings
            ]
            print_document({"file": _file(configuration), "checks": rows, "policies": policies})
        case OutputFormat.TEXT:
            print_table(
                ["SETTING", "OUTCOME", "DETAIL"],
                [[each.setting, each.outcome.value, each.detail] for each in findings],
                nothing="The configuration is empty.",
            )
            for name, policy in policies.items():
                click.echo(f"\nThe least that key_managers.{name} must be allowed there:\n{policy}", nl=False)
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


def _file(configuration: Configuration) -> str | None:
    return None if configuration.file is None else str(configuration.file)


def _text(value: str | float | list[str] | None) -> str:
    match value:
        case None:
            return "not set"
        case list():
            return ", ".join(value)
        case str() | int() | float():
            return str(value)
