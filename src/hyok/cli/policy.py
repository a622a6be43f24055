"""`hyok policy`: who may use the keys of a key store, decided at the proxy besides what AWS decides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hyok.cli.given import read_file
from hyok.cli.options import (
    OutputFormat,
    changing_holder,
    configuration_option,
    example,
    opened_holder,
    output_option,
    yes_option,
)
from hyok.cli.output import confirm, format_time, print_document, print_table, say
from hyok.cli.policy_callers import allow_caller, callers
from hyok.cli.policy_expectations import test
from hyok.cli.policy_explain import explain
from hyok.cli.policy_files import check, file_argument
from hyok.cli.policy_replay import replay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyok.administration.policies import StoredPolicy
    from hyok.assembly.holder import Holder

_DEFAULT_NAME: Final = "default"

keystore_option = click.option("--keystore", metavar="NAME", required=True, help="The key store at the proxy.")
key_option = click.option(
    "--key",
    "key_id",
    metavar="ID",
    default="",
    help="An external key of it (XksKeyId); the whole key store if left out.",
)
name_option = click.option(
    "--name", metavar="NAME", default=_DEFAULT_NAME, show_default=True, help="Which of its policies there."
)


@click.group(short_help="Who may use the keys: policies at the proxy.")
def policy() -> None:
    """Policies at the proxy, which decide on each use of a key besides AWS.

    Once one is in force for a key store, or for one of its keys, what no policy there allows is refused.
    """


@policy.command("set", epilog=example("hyok policy set --keystore main policy.json --shadow"))
@file_argument
@keystore_option
@key_option
@name_option
@click.option("--shadow", is_flag=True, help="Try it on every request and record what it would decide; refuse nothing.")
@yes_option
@configuration_option
@output_option
def set_command(
    file: Path, keystore: str, key_id: str, name: str, shadow: bool, yes: bool, output: OutputFormat
) -> None:
    """Put a policy in force, in the place of the one of its name; running proxies take it within a second."""
    from hyok.administration.policies import set_policy
    from hyok.proxy.authorization.stored_policies import PolicyMode

    with changing_holder() as holder:
        where = _where(keystore, key_id)
        if not shadow and not _in_force(holder, keystore, key_id):
            confirm(f"From now on whatever this policy does not allow is refused to AWS KMS for {where}", yes=yes)
        policy = set_policy(
            holder.storage,
            holder.safe,
            holder.clock,
            key_store=keystore,
            external_key_id=key_id,
            name=name,
            document=read_file(file),
            mode=PolicyMode.SHADOW if shadow else PolicyMode.ENFORCED,
        )
        _print([policy], output)


@policy.command(epilog=example("hyok policy show --keystore main --output json"))
@click.option("--keystore", metavar="NAME", help="Only of this key store and its keys.")
@configuration_option
@output_option
def show(keystore: str | None, output: OutputFormat) -> None:
    """Show the policies that are set; with --output json their documents, too."""
    from hyok.administration.policies import list_policies

    with opened_holder() as holder:
        policies = list_policies(holder.storage, holder.safe, key_store=keystore)
    _print(policies, output)


@policy.command(epilog=example("hyok policy remove --keystore main --shadow"))
@keystore_option
@key_option
@name_option
@click.option("--shadow", is_flag=True, help="The one of that name in shadow mode.")
@yes_option
@configuration_option
def remove(keystore: str, key_id: str, name: str, shadow: bool, yes: bool) -> None:
    """Remove a policy."""
    from hyok.administration.policies import remove_policy
    from hyok.proxy.authorization.stored_policies import PolicyMode

    with changing_holder() as holder:
        where = _where(keystore, key_id)
        if not shadow and _in_force(holder, keystore, key_id) == {name}:
            confirm(f"No policy is left in force for {where}: nothing is refused by one any more", yes=yes)
        remove_policy(
            holder.storage,
            holder.clock,
            key_store=keystore,
            external_key_id=key_id,
            name=name,
            mode=PolicyMode.SHADOW if shadow else PolicyMode.ENFORCED,
        )
    say(f"Policy {name} of {where} is removed.")


for command in (check, test, explain, replay, callers, allow_caller):
    policy.add_command(command)


def _in_force(holder: Holder, keystore: str, key_id: str) -> set[str]:
    """Return the names of the policies in force at a place."""
    from hyok.administration.policies import list_policies
    from hyok.proxy.authorization.stored_policies import PolicyMode

    there = list_policies(holder.storage, holder.safe, key_store=keystore)
    return {each.name for each in there if each.external_key_id == key_id and each.mode is PolicyMode.ENFORCED}


def _where(keystore: str, key_id: str) -> str:
    return f"external key {key_id} of key store {keystore}" if key_id else f"key store {keystore}"


def _print(policies: Sequence[StoredPolicy], output: OutputFormat) -> None:
    match output:
        case OutputFormat.JSON:
            print_document({"policies": [_document(each) for each in policies]})
        case OutputFormat.TEXT:
            print_table(
                ["KEY STORE", "EXTERNAL KEY", "NAME", "MODE", "SET"],
                [
                    [
                        each.key_store,
                        each.external_key_id or "all",
                        each.name,
                        each.mode.value,
                        format_time(each.set_at) or "",
                    ]
                    for each in policies
                ],
                nothing="No policies: nothing but AWS decides on the use of keys; set one with `hyok policy set`.",
            )


def _document(policy: StoredPolicy) -> dict[str, object]:
    return {
        "keystore": policy.key_store,
        "external_key_id": policy.external_key_id or None,
        "name": policy.name,
        "mode": policy.mode.value,
        "label": policy.label,
        "set_at": format_time(policy.set_at),
        "document": policy.document or None,
    }
