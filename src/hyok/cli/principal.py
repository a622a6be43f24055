"""`hyok principal`: who may call the KMS service, when it checks signatures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hyok.cli.given import read_file, read_pairs
from hyok.cli.options import (
    OutputFormat,
    configuration_option,
    example,
    output_option,
    read_configuration,
    yes_option,
)
from hyok.cli.output import confirm, format_time, print_document, print_facts, print_table, say
from hyok.cli.private_file import write_private_file
from hyok.errors import OperatorError

if TYPE_CHECKING:
    from hyok.administration.principals import NewPrincipal
    from hyok.config.settings import KmsSettings
    from hyok.custody.safe import Safe
    from hyok.kms.principals import IdentityPolicy, StoredPrincipal
    from hyok.storage.engine import Storage


@click.group(short_help="Who may call the KMS service.")
def principal() -> None:
    """Principals of the KMS service: each has an ARN, a SigV4 credential, identity policies and tags.

    Key policies and grants name principals by their ARN; identity policies say what a principal may do with the keys
    whose policy leaves it to the account. Changes reach a running service within a second.
    """


@principal.command(epilog=example("hyok principal create backup --policy decrypt-only.json --tag team=storage"))
@click.argument("name")
@click.option(
    "--policy",
    "policy_files",
    type=click.Path(path_type=Path),
    metavar="FILE",
    multiple=True,
    help="An identity policy (JSON), named after its file; may be given several times.",
)
@click.option("--full-access", is_flag=True, help="Let it do everything that key policies leave to its account.")
@click.option("--tag", "tags", metavar="KEY=VALUE", multiple=True, help="A tag, for aws:PrincipalTag in policies.")
@click.option(
    "--secret-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the secret to this new file (mode 0600) instead of showing it.",
)
@configuration_option
@output_option
def create(
    name: str,
    policy_files: tuple[Path, ...],
    full_access: bool,
    tags: tuple[str, ...],
    secret_file: Path | None,
    output: OutputFormat,
) -> None:
    """Create a principal and its credential, whose secret is shown now, and never again.

    NAME is that of a user in the configured account, or root, or the ARN of any user, role, session or root user.
    """
    from hyok.administration.principals import FULL_ACCESS

    policies = [*(_read_policy(file) for file in policy_files), *([FULL_ACCESS] if full_access else [])]
    if secret_file is None:
        made = _create(name, policies, read_pairs(tags, option="--tag", form="KEY=VALUE"))
    else:
        made = _create_into(name, policies, read_pairs(tags, option="--tag", form="KEY=VALUE"), secret_file)
    match output:
        case OutputFormat.JSON:
            shown = describe_new_principal(made)
            if secret_file is not None:
                del shown["secret_access_key"]
            print_document({"principal": shown})
        case OutputFormat.TEXT:
            where = f"in {secret_file}" if secret_file else _secret_text(made)
            print_facts(
                [
                    ("Principal", made.principal.arn),
                    ("Access key id", made.credential.access_key_id),
                    ("Secret access key", where),
                    ("Identity policies", _policy_names(made.principal) or "none: only key policies and grants"),
                ]
            )


@principal.command("list", epilog=example("hyok principal list"))
@configuration_option
@output_option
def list_command(output: OutputFormat) -> None:
    """List principals, never a secret."""
    from hyok.administration.principals import list_principals

    with _opened_kms() as (_, storage, _):
        principals = list_principals(storage)
    match output:
        case OutputFormat.JSON:
            print_document({"principals": [_document(each) for each in principals]})
        case OutputFormat.TEXT:
            print_table(
                ["ARN", "ACCESS KEY ID", "IDENTITY POLICIES", "CREATED"],
                [
                    [each.arn, each.access_key_id, _policy_names(each), format_time(each.created_at) or ""]
                    for each in principals
                ],
                nothing="No principals; make one with `hyok principal create NAME`.",
            )


@principal.command(epilog=example("hyok principal delete backup"))
@click.argument("name")
@yes_option
@configuration_option
def delete(name: str, yes: bool) -> None:
    """Delete a principal: what it signs is refused from now on. Policies and grants that name it stay."""
    from hyok.administration.principals import delete_principal, get_principal, principal_arn
    from hyok.clock import SystemClock

    with _opened_kms() as (settings, storage, _):
        arn = principal_arn(name, account=settings.account, region=settings.region)
        get_principal(storage, arn)
        confirm(f"Principal {arn} will be deleted, and its credential refused", yes=yes)
        delete_principal(storage, SystemClock(), arn)
    say(f"Principal {arn} is deleted.")


def describe_new_principal(made: NewPrincipal) -> dict[str, object]:
    """Return what JSON says of a principal just made, its secret among it."""
    return {**_document(made.principal), "secret_access_key": _secret_text(made)}


@contextmanager
def _opened_kms() -> Iterator[tuple[KmsSettings, Storage, Safe]]:
    from hyok.assembly.kms import open_kms_storage

    settings = read_configuration().require_kms()
    with open_kms_storage(settings) as (storage, safe):
        yield settings, storage, safe


def _create(name: str, policies: list[IdentityPolicy], tags: Mapping[str, str]) -> NewPrincipal:
    from hyok.administration.principals import create_principal, principal_arn
    from hyok.clock import SystemClock

    with _opened_kms() as (settings, storage, safe):
        arn = principal_arn(name, account=settings.account, region=settings.region)
        return create_principal(storage, safe, SystemClock(), arn=arn, policies=policies, tags=tags)


def _create_into(name: str, policies: list[IdentityPolicy], tags: Mapping[str, str], secret_file: Path) -> NewPrincipal:
    """Make the principal only once its secret's file can be written: a secret that nobody has is of no use."""
    made: list[NewPrincipal] = []

    def make_content() -> bytes:
        made.append(_create(name, policies, tags))
        return made[0].credential.secret_access_key.reveal() + b"\n"

    write_private_file(secret_file, make_content)
    return made[0]


def _read_policy(file: Path) -> IdentityPolicy:
    from hyok.kms.principals import IdentityPolicy

    try:
        return IdentityPolicy(file.stem, read_file(file).decode())
    except UnicodeDecodeError as error:
        raise OperatorError(f"{file} is not UTF-8, so no policy") from error


def _secret_text(made: NewPrincipal) -> str:
    return made.credential.secret_access_key.reveal().decode("ascii")


def _policy_names(principal: StoredPrincipal) -> str:
    return ", ".join(policy.name for policy in principal.policies)


def _document(principal: StoredPrincipal) -> dict[str, object]:
    return {
        "arn": principal.arn,
        "access_key_id": principal.access_key_id,
        "policies": [policy.name for policy in principal.policies],
        "tags": dict(principal.tags),
        "created_at": format_time(principal.created_at),
    }
