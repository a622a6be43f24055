"""The part of `hyok key` that takes in a key's material from elsewhere, or has it destroyed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hyok.cli.given import read_file
from hyok.cli.key_usages import usage_option, usages_of
from hyok.cli.managed_keys import changing_keys
from hyok.cli.options import (
    OutputFormat,
    configuration_option,
    example,
    key_manager_option,
    output_option,
    yes_option,
)
from hyok.cli.output import confirm

if TYPE_CHECKING:
    from hyok.config.references import SecretReference


@click.command(
    "import",
    short_help="Import a key from another key manager.",
    epilog=example(
        "hyok key import payroll --wrapped payroll.kwp --wrapping-key file:journey.key --check-value 8ad7b2"
    ),
)
@click.argument("key_id")
@click.option(
    "--wrapped",
    type=click.Path(path_type=Path),
    metavar="FILE",
    required=True,
    help="The wrapped AES-256 key, as it is or in Base64.",
)
@click.option(
    "--wrapping-key",
    metavar="REFERENCE",
    required=True,
    help="Where the wrapping key is (file:, env:, systemd-credential:): 32 bytes or 64 hex digits for AES key wrap "
    "with padding (RFC 5649), or an RSA private key (PEM) for RSA-OAEP and AES (CKM_RSA_AES_KEY_WRAP, SHA-256).",
)
@click.option(
    "--check-value",
    metavar="HEX",
    required=True,
    help="The key's check value as the other key manager shows it: 6 hex digits (PKCS#11 CKA_CHECK_VALUE).",
)
@usage_option
@key_manager_option
@configuration_option
@output_option
def import_command(
    key_id: str,
    wrapped: Path,
    wrapping_key: str,
    check_value: str,
    usage: str,
    key_manager: str | None,
    output: OutputFormat,
) -> None:
    """Import an AES-256 key, wrapped for the journey, as the first version of a new key.

    It is stored only if its check value is the one given. What was encrypted under it elsewhere is not counted here:
    rotate it soon if that was much.
    """
    import os

    from hyok.administration.keys import WrappedKey, import_key
    from hyok.config.references import resolve_secret
    from hyok.custody.key_transport import MAXIMUM_WRAPPED_BYTES

    reference = _reference(wrapping_key)
    if len(check_value) != 6 or not set(check_value.lower()) <= set("0123456789abcdef"):
        raise click.UsageError(f"--check-value has 6 hex digits, and {check_value!r} has not")
    content = read_file(wrapped, most_bytes=MAXIMUM_WRAPPED_BYTES, what="wrapped key")
    with changing_keys(key_manager) as keys:
        wrapped_key = WrappedKey(content, resolve_secret(reference, os.environ), check_value)
        imported = import_key(keys.administrator, key_id, wrapped_key, usages=usages_of(usage))
        keys.print(imported, output)


@click.command(
    short_help="Destroy a key after a waiting time.", epilog=example("hyok key delete payroll --waiting-days 30")
)
@click.argument("key_id")
@click.option(
    "--waiting-days",
    type=int,
    default=30,
    show_default=True,
    metavar="DAYS",
    help="7 to 30: so long the deletion can be cancelled.",
)
@key_manager_option
@yes_option
@configuration_option
@output_option
def delete(key_id: str, waiting_days: int, key_manager: str | None, yes: bool, output: OutputFormat) -> None:
    """Refuse all use of a key from now on, and destroy it when the waiting time is over.

    A running proxy destroys it then, or the next one that starts. Backups of the storage still hold it.
    """
    from hyok.administration.keys import schedule_key_deletion, show_key

    with changing_keys(key_manager) as keys:
        listing = keys.describe(show_key(keys.administrator, key_id))
        versions = "" if listing.managed is None else f", all {listing.managed.version_count} versions of it,"
        confirm(
            f"{listing.title()} will encrypt and decrypt nothing from now on. In {waiting_days} days its material"
            f"{versions} will be destroyed: what AWS KMS protects with it can then never be read again, by anybody. "
            f"Until then `hyok key cancel-deletion {key_id}` keeps it",
            yes=yes,
        )
        scheduled = schedule_key_deletion(keys.administrator, key_id, waiting_days=waiting_days)
        keys.print(scheduled, output)


@click.command(short_help="Keep a key that was to be destroyed.", epilog=example("hyok key cancel-deletion payroll"))
@click.argument("key_id")
@key_manager_option
@configuration_option
@output_option
def cancel_deletion(key_id: str, key_manager: str | None, output: OutputFormat) -> None:
    """Keep a key that was to be destroyed. It is disabled then; enable it to use it again."""
    from hyok.administration.keys import cancel_key_deletion

    with changing_keys(key_manager) as keys:
        keys.print(cancel_key_deletion(keys.administrator, key_id), output)


def _reference(text: str) -> SecretReference:
    from hyok.config.references import describe_reference, parse_secret_reference

    try:
        return parse_secret_reference(text, Path.cwd())
    except ValueError as error:
        raise click.UsageError(
            f"--wrapping-key is a reference (file:, env:, systemd-credential:), not {describe_reference(text)}"
        ) from error
