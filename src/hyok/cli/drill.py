"""`hyok freeze --drill`: rehearse a withdrawal, and verify the report of one."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from hyok.cli.given import read_file
from hyok.cli.options import (
    CommandT,
    OutputFormat,
    changing_holder,
    choose_key_manager,
    key_manager_option,
    opened_holder,
)
from hyok.cli.output import print_document, print_facts, print_table
from hyok.errors import NotDoneError

if TYPE_CHECKING:
    from hyok.administration.drill_probe import Endpoint
    from hyok.administration.drill_report import Report, Step
    from hyok.audit.notes import Signer, VerificationKey
    from hyok.custody.rulings import Standing

AUDIT_NAME = "hyok.audit"
"""In whose name the audit trail's key signs, where no operator does."""


class DrillOptions(NamedTuple):
    """How a drill is to be done."""

    report: Path | None
    endpoint: str | None
    authorities: Path | None
    client_certificate: Path | None
    client_private_key: Path | None
    key_manager: str | None


def drill_options(command: CommandT) -> CommandT:
    """Add what a drill takes."""
    path = click.Path(path_type=Path)
    for option in (
        key_manager_option,
        click.option("--client-private-key", type=path, metavar="FILE", help="The key of that (PEM)."),
        click.option("--client-certificate", type=path, metavar="FILE", help="What a drill shows it, if asked (PEM)."),
        click.option("--authorities", type=path, metavar="FILE", help="The CAs of its certificate (PEM)."),
        click.option("--endpoint", metavar="HOST:PORT", help="A proxy where a drill uses the test key all the while."),
        click.option("--report", type=path, metavar="FILE", help="Write a drill's signed report to this file."),
    ):
        command = option(command)
    return command


def rehearse(options: DrillOptions, output: OutputFormat) -> None:
    """Freeze a test key, wait for all servers, give it back, and write the report."""
    from importlib.metadata import version

    from hyok.administration.drill import Office, run_drill
    from hyok.administration.drill_report import sign_report
    from hyok.custody.audit_key import open_audit_signer

    where = None if options.endpoint is None else _endpoint(options.endpoint, options)
    with changing_holder() as holder:
        manager, administrator = choose_key_manager(holder, options.key_manager)
        office = Office(
            holder.storage, holder.safe, holder.clock, holder.recorder, holder.judge, manager, administrator
        )
        done = run_drill(office, where, version=version("hyok"))
        operator = holder.recorder.author.operator
        signer: Signer = open_audit_signer(holder.storage, holder.safe, holder.clock)
        name = AUDIT_NAME
        if operator is not None:
            name, signer = operator
    if options.report is not None:
        options.report.write_bytes(sign_report(done, signer, name))
    _print(done, name, output)
    if not done.has_passed:
        raise NotDoneError("the drill was not passed: a server did not answer, or the key was used too long")


def verify_report(file: Path, output: OutputFormat) -> None:
    """Verify that a report is as it was signed, by an operator or by the key of the audit trail, and show it."""
    from hyok.administration.drill_report import open_report, signers_of
    from hyok.administration.freezes import read_standing
    from hyok.audit.errors import NoteError
    from hyok.custody.audit_key import read_audit_key

    content = read_file(file)
    with opened_holder() as holder:
        standing, audit_key = read_standing(holder.storage, holder.judge), read_audit_key(holder.storage)
    try:
        for name in signers_of(content):
            key = _key_of(name, standing, audit_key)
            if key is not None:
                _print(open_report(content, key, name), name, output)
                return
    except NoteError as error:
        raise NotDoneError(f"{file} does not verify: {error}") from error
    raise NotDoneError(f"{file} does not verify: it is signed by nobody who is an operator here")


def _key_of(name: str, standing: Standing, audit_key: VerificationKey | None) -> VerificationKey | None:
    return audit_key if name == AUDIT_NAME else standing.operators.get(name)


def _endpoint(text: str, options: DrillOptions) -> Endpoint:
    from hyok.administration.drill_probe import Endpoint
    from hyok.assembly.material import optional_key_pair, pem
    from hyok.config.references import ReferenceScheme, SecretReference
    from hyok.transport.tls import client_context

    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise click.UsageError(f"--endpoint {text!r} is not HOST:PORT")
    certificate, private_key = options.client_certificate, options.client_private_key
    if (certificate is None) != (private_key is None):
        raise click.UsageError("--client-certificate and --client-private-key go together")

    def reference(path: Path | None) -> SecretReference | None:
        return None if path is None else SecretReference(ReferenceScheme.FILE, str(path.absolute()))

    trusted = reference(options.authorities)
    context = partial(
        client_context,
        None if trusted is None else pem(trusted),
        optional_key_pair(reference(certificate), reference(private_key)),
    )
    return Endpoint(host, int(port), context)


def _print(report: Report, signer: str, output: OutputFormat) -> None:
    match output:
        case OutputFormat.JSON:
            import msgspec

            print_document({"drill": {"signed_by": signer, **msgspec.to_builtins(report)}})
        case OutputFormat.TEXT:
            _print_text(report, signer)


def _print_text(report: Report, signer: str) -> None:
    uses = report.uses
    print_facts(
        [
            ("Drill", "passed" if report.has_passed else "not passed"),
            ("Of", report.freeze.at[:19] + "Z"),
            ("Signed by", signer),
            ("Frozen after", f"{report.freeze.effective_after_seconds:.2f} s"),
            ("Last use after", "not tried" if uses is None else f"{uses.last_use_after_seconds:.2f} s"),
            (
                "Unfrozen after",
                "not: a second operator has to confirm"
                if report.waits_for_operator
                else f"{report.unfreeze.effective_after_seconds:.2f} s",
            ),
        ]
    )
    if uses is not None:
        print_table(
            ["REQUESTS", "ANSWER"], [[str(count), answer] for answer, count in uses.answers.items()], nothing="None."
        )
    print_table(["SERVER", "FREEZE", "AFTER"], list(map(list, _rows(report.freeze))), nothing="No server runs.")


def _rows(step: Step) -> list[tuple[str, str, str]]:
    return [(f"{each.host}, process {each.pid}", each.answer, f"{each.seconds:.2f} s") for each in step.servers]
