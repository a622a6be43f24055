"""`hyok credential`: the SigV4 credentials of a key store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hyok.cli.options import (
    OutputFormat,
    changing_holder,
    configuration_option,
    example,
    opened_holder,
    output_option,
    yes_option,
)
from hyok.cli.output import confirm, format_time, print_document, print_facts, print_table, say
from hyok.cli.private_file import write_private_file

if TYPE_CHECKING:
    from hyok.administration.credentials import Credential, CredentialPair
    from hyok.assembly.holder import Holder

_CONSEQUENCE = "what AWS KMS signs with it will be refused; give the key store at AWS KMS another credential first"


@click.group(short_help="SigV4 credentials of a key store.")
def credential() -> None:
    """SigV4 credentials of a key store. Two can be active at once, so that they rotate without interruption."""


@credential.command(epilog=example("hyok credential create main --secret-file main.secret"))
@click.argument("keystore")
@click.option(
    "--secret-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the secret to this new file (mode 0600) instead of showing it.",
)
@configuration_option
@output_option
def create(keystore: str, secret_file: Path | None, output: OutputFormat) -> None:
    """Create a credential. Its secret is shown now, and never again."""
    with changing_holder() as holder:
        pair = _create(holder, keystore) if secret_file is None else _create_into(holder, keystore, secret_file)
    match output:
        case OutputFormat.JSON:
            shown = {} if secret_file else {"secret_access_key": _secret_text(pair)}
            print_document({"credential": {"access_key_id": pair.access_key_id, "keystore": keystore, **shown}})
        case OutputFormat.TEXT:
            where = f"in {secret_file}" if secret_file else _secret_text(pair)
            print_facts([("Key store", keystore), ("Access key id", pair.access_key_id), ("Secret access key", where)])
            if secret_file is None:
                say("The secret is shown this once; keep it where AWS KMS's administrators can get it.")


@credential.command("list", epilog=example("hyok credential list main"))
@click.argument("keystore")
@configuration_option
@output_option
def list_command(keystore: str, output: OutputFormat) -> None:
    """List a key store's credentials, never a secret: also when each was last used, and how often.

    Running proxies write down uses every few seconds.
    """
    from hyok.administration.credentials import list_credentials

    with opened_holder() as holder:
        credentials = list_credentials(holder.storage, keystore)
    match output:
        case OutputFormat.JSON:
            print_document({"credentials": [_document(each) for each in credentials]})
        case OutputFormat.TEXT:
            print_table(
                ["ACCESS KEY ID", "STATE", "CREATED", "RETIRED", "LAST USED", "USES"],
                [
                    [
                        each.access_key_id,
                        _state(each),
                        format_time(each.created_at) or "",
                        format_time(each.retired_at) or "",
                        format_time(each.last_used_at) or "never",
                        str(each.use_count),
                    ]
                    for each in credentials
                ],
                nothing=f"No credentials; make one with `hyok credential create {keystore}`.",
            )


@credential.command(epilog=example("hyok credential retire HYOKAAAAAAAAAAAAAAAAAAAAAAAA"))
@click.argument("access_key_id")
@yes_option
@configuration_option
def retire(access_key_id: str, yes: bool) -> None:
    """Refuse a credential from now on, for good; it stays listed."""
    from hyok.administration.credentials import retire_credential

    with changing_holder() as holder:
        confirm(f"Credential {access_key_id} will be retired for good: {_CONSEQUENCE}", yes=yes)
        retire_credential(holder.storage, holder.safe, holder.clock, access_key_id)
    say(f"Credential {access_key_id} is retired.")


@credential.command(epilog=example("hyok credential delete HYOKAAAAAAAAAAAAAAAAAAAAAAAA"))
@click.argument("access_key_id")
@yes_option
@configuration_option
def delete(access_key_id: str, yes: bool) -> None:
    """Delete a credential, active or retired."""
    from hyok.administration.credentials import delete_credential

    with changing_holder() as holder:
        confirm(f"Credential {access_key_id} will be deleted: {_CONSEQUENCE}", yes=yes)
        delete_credential(holder.storage, holder.clock, access_key_id)
    say(f"Credential {access_key_id} is deleted.")


def _create(holder: Holder, keystore: str) -> CredentialPair:
    from hyok.administration.credentials import create_credential

    return create_credential(holder.storage, holder.safe, holder.clock, key_store=keystore)


def _create_into(holder: Holder, keystore: str, secret_file: Path) -> CredentialPair:
    """Make the credential only once its secret's file can be written: a secret that nobody has is of no use."""
    made: list[CredentialPair] = []

    def make_content() -> bytes:
        made.append(_create(holder, keystore))
        return made[0].secret_access_key.reveal() + b"\n"

    write_private_file(secret_file, make_content)
    return made[0]


def _secret_text(pair: CredentialPair) -> str:
    return pair.secret_access_key.reveal().decode("ascii")


def _state(credential: Credential) -> str:
    return "active" if credential.retired_at is None else "retired"


def _document(credential: Credential) -> dict[str, object]:
    return {
        "access_key_id": credential.access_key_id,
        "keystore": credential.key_store,
        "state": _state(credential),
        "created_at": format_time(credential.created_at),
        "retired_at": format_time(credential.retired_at),
        "last_used_at": format_time(credential.last_used_at),
        "use_count": credential.use_count,
    }
