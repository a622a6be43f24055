"""The keys of the one key manager that a command of `hyok key` is about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from hyok.cli.key_listing import KeyListing, describe_listing, print_key
from hyok.cli.options import OutputFormat, changing_holder, choose_key_manager, opened_holder

if TYPE_CHECKING:
    from hyok.assembly.holder import Holder
    from hyok.keymanagers.interface import KeyAdministrator, ManagedKey


class ManagedKeys(NamedTuple):
    """A key manager that was chosen, within the open holder's side."""

    holder: Holder
    manager: str
    """Its name in the configuration."""
    administrator: KeyAdministrator

    def describe(self, managed: ManagedKey) -> KeyListing:
        """Return one of its keys with the ids under which it is offered."""
        return describe_listing(self.holder, self.manager, managed)

    def print(self, managed: ManagedKey, output: OutputFormat) -> None:
        """Print one of its keys."""
        print_key(self.describe(managed), output)


@contextmanager
def opened_keys(key_manager: str | None) -> Iterator[ManagedKeys]:
    """Open a key manager, the only one unless it is named, for a command that changes nothing."""
    with opened_holder() as holder:
        yield ManagedKeys(holder, *choose_key_manager(holder, key_manager))


@contextmanager
def changing_keys(key_manager: str | None) -> Iterator[ManagedKeys]:
    """Open a key manager, the only one unless it is named, for a command that changes its keys."""
    with changing_holder() as holder:
        yield ManagedKeys(holder, *choose_key_manager(holder, key_manager))
