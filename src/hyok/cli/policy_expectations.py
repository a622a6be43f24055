"""`hyok policy test`: policies held to a file of expectations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hyok.cli.given import read_file
from hyok.cli.options import (
    OutputFormat,
    configuration_option,
    example,
    output_option,
)
from hyok.cli.output import print_document, say
from hyok.cli.policy_sources import decision_document, keystore_option, policies_from, policy_option

if TYPE_CHECKING:
    from hyok.administration.policy_trials import Finding

_NOT_MET: Final = 1
"""Exit status where an expectation is not met."""


@click.command(epilog=example("hyok policy test expectations.json --policy policy.json"))
@click.argument("expectations", type=click.Path(path_type=Path))
@policy_option
@keystore_option
@configuration_option
@output_option
@click.pass_context
def test(
    context: click.Context, expectations: Path, files: tuple[Path, ...], keystore: str, output: OutputFormat
) -> None:
    """Hold policies to a file of expectations; exit status 1 if one is not met.

    EXPECTATIONS is a JSON list of objects: "request" in the words of an audit record ("request_metadata",
    "external_key_id", "key_store", "peer", "time"), "expect" (allowed, refused, denied, not allowed), and if wanted
    "name" and the "statement" that must decide.
    """
    from hyok.administration.policy_trials import check_expectations, read_expectations

    wanted = read_expectations(read_file(expectations))
    findings = check_expectations(policies_from(files, keystore), wanted)
    match output:
        case OutputFormat.JSON:
            print_document({"expectations": [_finding_document(finding) for finding in findings]})
        case OutputFormat.TEXT:
            for finding in findings:
                click.echo(_finding_line(finding))
            say(f"{sum(finding.is_met for finding in findings)} of {len(findings)} expectations are met.")
    if not all(finding.is_met for finding in findings):
        context.exit(_NOT_MET)


def _finding_line(finding: Finding) -> str:
    expectation, decision = finding.expectation, finding.decision
    by = f" by {decision.statement}" if decision.statement else ""
    if finding.is_met:
        return f"ok    {expectation.name}: {decision.outcome.value}{by}"
    wanted = expectation.outcome + (f" by {expectation.statement}" if expectation.statement else "")
    return f"FAIL  {expectation.name}: {decision.outcome.value}{by}; expected: {wanted}"


def _finding_document(finding: Finding) -> dict[str, object]:
    return {
        "name": finding.expectation.name,
        "is_met": finding.is_met,
        "expected": finding.expectation.outcome,
        **decision_document(finding.decision),
    }
