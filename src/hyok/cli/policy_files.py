"""`hyok policy check`: policies in files, before they are set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hyok.cli.given import read_file
from hyok.cli.options import OutputFormat, example, output_option
from hyok.cli.output import print_document

if TYPE_CHECKING:
    from hyok.policy.document import Policy
    from hyok.policy.errors import PolicyError

_FOUND: Final = 1
"""Exit status where a policy has a fault."""

file_argument = click.argument("file", type=click.Path(path_type=Path))


@click.command(epilog=example("hyok policy check policy.json"))
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@output_option
@click.pass_context
def check(context: click.Context, files: tuple[Path, ...], output: OutputFormat) -> None:
    """Say whether files are policies; where one is not, the line, what is wrong, and the word that may be meant."""
    from hyok.policy.errors import PolicyError

    faults: dict[Path, PolicyError] = {}
    statements: dict[Path, int] = {}
    for file in files:
        try:
            statements[file] = len(read_policy(file).statements)
        except PolicyError as error:
            faults[file] = error
    match output:
        case OutputFormat.JSON:
            print_document({"policies": [_finding(file, statements.get(file), faults.get(file)) for file in files]})
        case OutputFormat.TEXT:
            for file in files:
                fault = faults.get(file)
                click.echo(f"{file}: a policy of {_count(statements[file])}" if fault is None else f"{file}: {fault}")
    if faults:
        context.exit(_FOUND)


def read_policy(file: Path) -> Policy:
    """Read a policy from a file. PolicyError."""
    from hyok.policy.dialects import PROXY_POLICY
    from hyok.policy.parsing import parse_policy

    return parse_policy(read_file(file), PROXY_POLICY)


def _finding(file: Path, statements: int | None, fault: PolicyError | None) -> dict[str, object]:
    return {
        "file": str(file),
        "is_valid": fault is None,
        "statements": statements,
        "line": fault and fault.line,
        "column": fault and fault.column,
        "problem": fault and fault.problem,
    }


def _count(statements: int) -> str:
    return "1 statement" if statements == 1 else f"{statements} statements"
