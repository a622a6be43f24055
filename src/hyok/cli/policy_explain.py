"""`hyok policy explain`: which statement decides, and why."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hyok.cli.audit_filters import TimeType
from hyok.cli.given import read_pairs
from hyok.cli.options import (
    OutputFormat,
    configuration_option,
    example,
    output_option,
)
from hyok.cli.output import print_document
from hyok.cli.policy_sources import decision_document, keystore_option, policies_from, policy_option
from hyok.errors import NotDoneError

if TYPE_CHECKING:
    from hyok.administration.policy_requests import TrialRequest
    from hyok.administration.policy_trials import Explained
    from hyok.policy.explanation import StatementExplanation


@click.command(
    epilog=example(
        "hyok policy explain --keystore main --key payroll --principal arn:aws:iam::111122223333:role/backup",
        "hyok policy explain --keystore main --record record.json",
    )
)
@policy_option
@keystore_option
@click.option("--key", "key_id", default="", metavar="ID", help="The external key (XksKeyId).")
@click.option("--shadow", is_flag=True, help="As if the policies in shadow mode were in force.")
@click.option("--record", type=click.File("rb"), metavar="FILE", help="A request as an audit record, - for stdin.")
@click.option("--principal", default="", metavar="ARN", help="Who asks.")
@click.option("--operation", default="Decrypt", show_default=True, metavar="NAME", help="KMS's operation.")
@click.option("--kms-key", default="", metavar="ARN", help="The KMS key.")
@click.option("--via-service", default="", metavar="NAME", help="The service that asks KMS for the caller.")
@click.option("--source-vpc", default="", metavar="ID", help="Where the caller asks KMS from.")
@click.option("--source-vpce", default="", metavar="ID", help="And through which endpoint.")
@click.option("--address", default="", metavar="IP", help="Where the proxy is asked from.")
@click.option("--at", type=TimeType(), metavar="TIME", help="When; now if left out.")
@click.option("--metadata", multiple=True, metavar="NAME=TEXT", help="A further member of requestMetadata; repeatable.")
@configuration_option
@output_option
def explain(  # one parameter for each option
    files: tuple[Path, ...],
    keystore: str,
    key_id: str,
    shadow: bool,
    record: Any,
    principal: str,
    operation: str,
    kms_key: str,
    via_service: str,
    source_vpc: str,
    source_vpce: str,
    address: str,
    at: datetime | None,
    metadata: tuple[str, ...],
    output: OutputFormat,
) -> None:
    """Explain which statement decides a request and why, condition by condition."""
    from datetime import UTC

    from hyok.administration.policy_requests import read_request
    from hyok.administration.policy_trials import explain_request

    if record is not None:
        request = _recorded_request(record.read())
    else:
        members = {
            "awsPrincipalArn": principal,
            "kmsOperation": operation,
            "kmsKeyArn": kms_key,
            "kmsViaService": via_service,
            "awsSourceVpc": source_vpc,
            "awsSourceVpce": source_vpce,
            **read_pairs(metadata, option="--metadata", form="NAME=TEXT"),
        }
        told = {"request_metadata": members, "key_store": keystore, "external_key_id": key_id, "peer": address}
        request = read_request({**told, "time": (at or datetime.now(UTC)).isoformat()})
    explained = explain_request(policies_from(files, keystore), request, with_shadow=shadow)
    match output:
        case OutputFormat.JSON:
            print_document(_explained_document(explained))
        case OutputFormat.TEXT:
            _print_explained(explained)


def _recorded_request(document: bytes) -> TrialRequest:
    import msgspec

    from hyok.administration.policy_requests import read_request

    try:
        record = msgspec.json.decode(document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotDoneError(f"--record is not one JSON object: {error}") from error
    if not isinstance(record, dict):
        raise NotDoneError("--record is not a JSON object")
    return read_request(record)


def _print_explained(explained: Explained) -> None:
    decision = explained.decision
    if decision is None:
        click.echo("allowed: no policy is in force here")
    elif decision.statement:
        click.echo(f"{decision.outcome.value} by {decision.statement} of {decision.policy}")
    else:
        click.echo(f"{decision.outcome.value}: no statement allows it")
    for statements in explained.places:
        for each in statements:
            does = "applies" if each.applies else "does not apply"
            click.echo(f"\n{each.policy}, line {each.line}: {each.statement} ({each.effect.value}) {does}")
            width = max(len(element.element) for element in each.elements)
            for element in each.elements:
                click.echo(
                    f"  {'yes' if element.is_met else 'no ':3}  {element.element.ljust(width)}  {element.reason}"
                )


def _explained_document(explained: Explained) -> dict[str, object]:
    return {
        **decision_document(explained.decision),
        "places": [[_statement_document(each) for each in statements] for statements in explained.places],
    }


def _statement_document(statement: StatementExplanation) -> dict[str, object]:
    return {
        "policy": statement.policy,
        "statement": statement.statement,
        "line": statement.line,
        "effect": statement.effect.value,
        "applies": statement.applies,
        "elements": [element._asdict() for element in statement.elements],
    }
