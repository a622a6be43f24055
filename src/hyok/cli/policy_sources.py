"""Which policies a command tries: those in files, or those of a key store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hyok.cli.options import (
    opened_holder,
    read_configuration,
)
from hyok.cli.policy_files import read_policy
from hyok.errors import NotDoneError, OperatorError

if TYPE_CHECKING:
    from hyok.policy.decision import Decision
    from hyok.policy.document import Policy
    from hyok.proxy.authorization.facts import Organizations
    from hyok.proxy.authorization.key_store_policies import KeyStorePolicies

policy_option = click.option(
    "--policy", "files", multiple=True, type=click.Path(path_type=Path), metavar="FILE", help="A policy; repeatable."
)
keystore_option = click.option(
    "--keystore", default="", metavar="NAME", help="The policies that are set at this key store."
)


def policies_from(files: tuple[Path, ...], keystore: str) -> KeyStorePolicies:
    """Return the policies in files, or those that are set at a key store. UsageError unless it is one of both."""
    from hyok.administration.policy_trials import policies_alone

    if bool(files) is bool(keystore):
        raise click.UsageError("name either policies in files, with --policy, or those of a key store, with --keystore")
    if files:
        return policies_alone({str(file): _policy_in(file) for file in files}, _organizations())
    with opened_holder() as holder:
        from hyok.administration.keystores import show_key_store
        from hyok.proxy.authorization.stored_policies import read_key_store_policies

        show_key_store(holder.storage, keystore)
        with holder.storage.reading() as connection:
            found = read_key_store_policies(connection, holder.safe, keystore, _organizations())
    if found is None:
        raise NotDoneError(f"key store {keystore} has no policies; set one with `hyok policy set`")
    return found


def policies_with(file: Path, keystore: str, key_id: str, name: str) -> KeyStorePolicies:
    """Return the policies of a key store, with one from a file tried in the place of the one of its name."""
    from hyok.proxy.authorization.stored_policies import read_key_store_policies

    with opened_holder() as holder:
        from hyok.administration.keystores import show_key_store

        show_key_store(holder.storage, keystore)
        with holder.storage.reading() as connection:
            tried = read_key_store_policies(
                connection, holder.safe, keystore, _organizations(), tried={(key_id, name): _policy_in(file)}
            )
    if tried is None:
        raise NotDoneError(f"key store {keystore} has no policies")
    return tried


def decision_document(decision: Decision | None) -> dict[str, object]:
    """Return a decision under its stable names."""
    return {
        "decision": decision and decision.outcome.value,
        "policy": decision and decision.policy,
        "statement": decision and decision.statement,
    }


def _organizations() -> Organizations:
    from hyok.assembly.authorization import accounts_in_organizations

    try:
        return accounts_in_organizations(read_configuration().authorization)
    except OperatorError:
        return {}  # policies in files can be tried on a machine that has no configuration


def _policy_in(file: Path) -> Policy:
    from hyok.policy.errors import PolicyError

    try:
        return read_policy(file)
    except PolicyError as error:
        raise NotDoneError(f"{file}: {error}") from error
