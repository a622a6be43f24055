"""`hyok keystore import-sample`: take the place of AWS's sample proxy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hyok.cli.options import (
    OutputFormat,
    changing_holder,
    configuration_option,
    example,
    output_option,
    read_configuration,
    yes_option,
)
from hyok.cli.output import confirm, print_document, print_table, say
from hyok.cli.private_file import write_private_file
from hyok.errors import NotDoneError, OperatorError

if TYPE_CHECKING:
    from hyok.secret import Secret
    from hyok.setup.aws_sample import SampleSettings
    from hyok.setup.succession import NewKeyManager, Taken


@click.command(
    "import-sample",
    short_help="Take the place of AWS's sample proxy.",
    epilog=example("hyok keystore import-sample /etc/xks-proxy/settings.toml"),
)
@click.argument("settings_file", metavar="SETTINGS.TOML", type=click.Path(path_type=Path))
@click.option("--key-manager", metavar="NAME", default="hsm", show_default=True, help="What hyok is to call the HSM.")
@click.option(
    "--module", metavar="FILE", type=click.Path(path_type=Path), help="Another PKCS#11 library than the file's."
)
@click.option(
    "--token-label", metavar="LABEL", help="Another token than the one in the first slot, as the sample takes."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@yes_option
@configuration_option
@output_option
def import_sample(
    settings_file: Path,
    key_manager: str,
    module: Path | None,
    token_label: str | None,
    dry_run: bool,
    yes: bool,
    output: OutputFormat,
) -> None:
    """Take over key stores, credentials and HSM of AWS's sample proxy (aws-kms-xks-proxy), as its settings say.

    The keys stay in the HSM, URI paths and credentials stay as AWS KMS knows them, and all that the sample encrypted
    decrypts. What is there already stays; interrupted, it is done by doing it again.
    """
    from hyok.config.sources import read_file
    from hyok.setup.aws_sample import read_sample_settings
    from hyok.setup.succession import append_section, check_key_stores, plan_key_manager, take_over

    settings = read_sample_settings(read_file(settings_file), name=str(settings_file))
    if module is not None:
        settings = settings._replace(module=module.absolute())
    check_key_stores(settings)
    new = plan_key_manager(read_configuration(), key_manager, settings, token_label=token_label)
    _say_plan(settings, new, key_manager)
    if dry_run:
        return
    confirm(f"hyok takes the place of the proxy that {settings_file} describes", yes=yes)
    if new is not None:
        _write_pin(new.pin_file, settings.pin)
        append_section(new)
    with changing_holder() as holder:
        taken = tuple(take_over(holder, settings, key_manager=key_manager))
    _print_taken(taken, output)
    _say_next(settings)
    if missing := sorted({key_id for each in taken for key_id in each.missing_key_ids}):
        raise NotDoneError(
            f"the token has no key with the label {', '.join(missing)}, so no key store offers it; all else is done"
        )


def _say_plan(settings: SampleSettings, new: NewKeyManager | None, key_manager: str) -> None:
    from hyok.setup.succession import name_of

    if new is None:
        say(f"The key manager {key_manager} is configured already and stays as it is.")
    else:
        say(f"To be added to {new.configuration_file}, with the PIN in {new.pin_file}:\n{new.section}")
    for each in settings.key_stores:
        name, path = name_of(each.path_prefix), f"{each.path_prefix}/kms/xks/v1"
        keys = ", ".join(each.key_ids) or "none"
        say(f"Key store {name} at {path}, for {settings.region}: credential {each.access_key_id}, keys {keys}.")
    say(f"They decrypt what was written by {', '.join(map(str, settings.predecessors))}.")
    for sentence in settings.left_behind:
        say(f"Note of the sample: {sentence}.")


def _write_pin(file: Path, pin: Secret) -> None:
    if file.is_file() and file.read_bytes() == pin.reveal():
        return  # done before, and interrupted
    try:
        write_private_file(file, pin.reveal)
    except OperatorError as error:
        raise OperatorError(f"{error}; or give the key manager another name with --key-manager") from error


def _print_taken(taken: tuple[Taken, ...], output: OutputFormat) -> None:
    match output:
        case OutputFormat.JSON:
            print_document({"keystores": [_document(each) for each in taken]})
        case OutputFormat.TEXT:
            print_table(
                ["KEY STORE", "URI PATH", "CREDENTIAL", "KEYS"],
                [
                    [each.key_store.name, each.key_store.uri_path, each.access_key_id, " ".join(each.key_ids)]
                    for each in taken
                ],
                nothing="The settings have no external key stores.",
            )


def _document(taken: Taken) -> dict[str, object]:
    return {
        "name": taken.key_store.name,
        "uri_path": taken.key_store.uri_path,
        "access_key_id": taken.access_key_id,
        "key_ids": list(taken.key_ids),
        "missing_key_ids": list(taken.missing_key_ids),
        "predecessors": [str(each) for each in taken.key_store.predecessors],
    }


def _say_next(settings: SampleSettings) -> None:
    say(f"Next: in [proxy] of the configuration, listen where the sample does (port {settings.port}).")
    if (tls := settings.tls) is not None:
        say(f"Its certificate {tls.certificate} and private key {tls.private_key} serve on.")
        if tls.client_authorities:
            say(f"Mutual TLS: authorities {tls.client_authorities}, subjects {tls.client_subject}.")
    say("Then `hyok config check`, stop the sample, and start `hyok proxy serve`. AWS KMS needs to be told nothing.")
