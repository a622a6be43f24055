"""`hyok init`: a start for production, in a directory of its own."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hyok.cli.next_steps import describe_next_steps
from hyok.cli.options import OutputFormat, example, output_option
from hyok.cli.output import print_document, print_facts
from hyok.cli.principal import describe_new_principal
from hyok.errors import OperatorError

if TYPE_CHECKING:
    from hyok.administration.principals import NewPrincipal
    from hyok.setup.sides import HolderStart, ServerCertificate

_DEFAULT_REGION = "eu-central-1"


@click.command(
    short_help="Make a production start: configuration, storage, root key.",
    epilog=example("hyok init /etc/hyok --certificate server.pem --private-key server.key"),
)
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--certificate", type=click.Path(path_type=Path), metavar="FILE", help="The proxy's certificate and chain."
)
@click.option("--private-key", type=click.Path(path_type=Path), metavar="FILE", help="Its private key.")
@click.option(
    "--host",
    metavar="NAME",
    default="xks.hyok.test",
    show_default=True,
    help="The proxy's host name, for a development certificate and the KMS's side.",
)
@click.option("--keystore", metavar="NAME", default="main", show_default=True, help="The first key store.")
@click.option("--key", metavar="ID", default="key-1", show_default=True, help="The first external key.")
@click.option("--region", metavar="REGION", help="Accept signatures for this AWS Region only.")
@click.option(
    "--with-kms",
    "kms_directory",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Make a KMS's side as well, in this other directory, with storage and root key of its own.",
)
@output_option
def init(
    directory: Path,
    certificate: Path | None,
    private_key: Path | None,
    host: str,
    keystore: str,
    key: str,
    region: str | None,
    kms_directory: Path | None,
    output: OutputFormat,
) -> None:
    """Make a start for production in DIRECTORY, which is new or empty: configuration, root key, storage, and the first
    key store with a credential and an external key.

    Nothing is left if it fails or is interrupted. The credential's secret is shown now, and never again.
    """
    from hyok.setup.new_directory import new_directory
    from hyok.setup.sides import CONFIGURATION_FILE, make_holder, make_kms

    _check_host(host)
    given = _read_certificate(certificate, private_key)
    principal: NewPrincipal | None = None
    directory = directory.absolute()
    kms_directory = None if kms_directory is None else _apart(kms_directory.absolute(), directory)
    with ExitStack() as stack:
        draft = stack.enter_context(new_directory(directory, last=CONFIGURATION_FILE))
        start = make_holder(draft, keystore=keystore, external_key_id=key, region=region, given=given, host=host)
        if kms_directory is not None:
            kms_draft = stack.enter_context(new_directory(kms_directory, last=CONFIGURATION_FILE))
            authorities = (draft / "tls/ca.pem").read_bytes() if given is None else None
            principal = make_kms(kms_draft, region=region or _DEFAULT_REGION, host=host, authorities=authorities)
    match output:
        case OutputFormat.JSON:
            print_document(_document(start, directory, kms_directory, principal))
        case OutputFormat.TEXT:
            _print_start(start, directory, principal)
            steps = describe_next_steps(
                start, directory, kms_directory=kms_directory, host=host, is_development=given is None
            )
            click.echo(steps)


def _check_host(host: str) -> None:
    import msgspec

    from hyok.config.settings import HostName

    try:
        msgspec.convert(host, HostName)
    except msgspec.ValidationError as error:
        raise OperatorError(
            f"--host is {host!r} ({len(host)} characters); it must be a host name in lower case, without https:// "
            "and port"
        ) from error


def _read_certificate(certificate: Path | None, private_key: Path | None) -> ServerCertificate | None:
    from hyok.setup.sides import ServerCertificate

    if certificate is None and private_key is None:
        return None
    if certificate is None or private_key is None:
        raise click.UsageError("--certificate and --private-key belong together: give both, or none")
    for path in (certificate, private_key):
        try:
            path.open("rb").close()
        except OSError as error:
            raise OperatorError(f"cannot read {path}: {error.strerror}") from error
    return ServerCertificate(certificate.absolute(), private_key.absolute())


def _apart(kms_directory: Path, directory: Path) -> Path:
    """Return the KMS's directory. OperatorError if one lies in the other: they belong to two parties."""
    ours, theirs = directory.resolve(), kms_directory.resolve()
    if ours.is_relative_to(theirs) or theirs.is_relative_to(ours):
        raise OperatorError(
            f"{kms_directory} and {directory} lie in one another; the two sides of the trust line need two directories "
            "apart, and in production two machines"
        )
    return kms_directory


def _print_start(start: HolderStart, directory: Path, principal: NewPrincipal | None) -> None:
    print_facts(
        [
            ("Configuration", str(directory / "hyok.toml")),
            ("Root key", f"{directory / 'root.key'} (id {start.root_key_id})"),
            ("Key store", start.key_store.name),
            ("URI path", start.key_store.uri_path),
            ("External key", start.external_key_id),
            ("Access key id", start.credential.access_key_id),
            ("Secret access key", start.credential.secret_access_key.reveal().decode("ascii")),
        ]
    )
    if principal is not None:
        click.echo("\nKMS's side")
        print_facts(
            [
                ("Principal", principal.principal.arn),
                ("Access key id", principal.credential.access_key_id),
                ("Secret access key", principal.credential.secret_access_key.reveal().decode("ascii")),
            ]
        )


def _document(
    start: HolderStart, directory: Path, kms_directory: Path | None, principal: NewPrincipal | None
) -> dict[str, object]:
    return {
        "configuration": str(directory / "hyok.toml"),
        "root_key": {"file": str(directory / "root.key"), "id": start.root_key_id},
        "keystore": {"name": start.key_store.name, "uri_path": start.key_store.uri_path},
        "credential": {
            "access_key_id": start.credential.access_key_id,
            "secret_access_key": start.credential.secret_access_key.reveal().decode("ascii"),
        },
        "external_key_id": start.external_key_id,
        "kms_configuration": None if kms_directory is None else str(kms_directory / "hyok.toml"),
        "kms_principal": None if principal is None else describe_new_principal(principal),
    }
