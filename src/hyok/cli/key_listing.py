"""A key as `hyok key` shows it: what the key manager knows of it, and under which ids key stores offer it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from hyok.cli.options import OutputFormat
from hyok.cli.output import format_time, print_document, print_facts, say
from hyok.errors import NotDoneError

if TYPE_CHECKING:
    from hyok.administration.external_keys import ExternalKey
    from hyok.assembly.holder import Holder
    from hyok.keymanagers.interface import ManagedKey


class KeyListing(NamedTuple):
    """One key of one key manager."""

    key_id: str
    key_manager: str
    managed: ManagedKey | None
    """None if a key store offers a key that its manager does not show."""
    offered: tuple[ExternalKey, ...]
    was_asked: bool = True
    """Whether the key manager could be asked."""

    @property
    def state(self) -> str:
        """The key's state in a word."""
        if self.managed is None:
            return "missing" if self.was_asked else "unknown"
        if self.managed.deletion_at is not None:
            return "pending deletion"
        return "enabled" if self.managed.is_enabled else "disabled"

    @property
    def usages(self) -> list[str]:
        """What the key may be used for, in the XKS proxy API's words."""
        from hyok.keymanagers.interface import KeyUsage

        return [] if self.managed is None else [usage.value for usage in KeyUsage if usage in self.managed.usages]

    @property
    def external_ids(self) -> list[str]:
        """`key store/external key id` for each key store that offers it."""
        return [f"{key.key_store}/{key.external_key_id}" for key in self.offered]

    def title(self) -> str:
        """Name the key at the beginning of a sentence, with the ids under which it is offered."""
        return f"Key {self.key_id}" + (f" (offered as {', '.join(self.external_ids)})" if self.offered else "")

    def document(self) -> dict[str, object]:
        """Return the key under its stable names."""
        managed = self.managed
        return {
            "key_id": self.key_id,
            "key_manager": self.key_manager,
            "state": self.state,
            "active_version": None if managed is None else managed.active_version,
            "version_count": None if managed is None else managed.version_count,
            "usages": self.usages,
            "created_at": None if managed is None else format_time(managed.created_at),
            "deletion_at": None if managed is None else format_time(managed.deletion_at),
            "external_keys": [
                {
                    "keystore": key.key_store,
                    "external_key_id": key.external_key_id,
                    "copies": [place._asdict() for place in key.places],
                    "binds_first_use": key.first_use is not None,
                    "bound_to": key.first_use and key.first_use.kms_key_arn,
                }
                for key in self.offered
            ],
        }


def list_key_listings(
    holder: Holder, *, keystore: str | None = None, key_manager: str | None = None
) -> tuple[KeyListing, ...]:
    """Return the keys of all key managers, or of one; with `keystore` only those that it offers.

    Of a manager that cannot be reached, which is said, those that key stores offer. NotDoneError if there is no such
    key store, or the one manager that is wanted cannot be reached.
    """
    from hyok.administration.external_keys import list_external_keys
    from hyok.administration.keys import list_keys
    from hyok.administration.keystores import show_key_store

    if keystore is not None:
        show_key_store(holder.storage, keystore)
    offered: defaultdict[tuple[str, str], list[ExternalKey]] = defaultdict(list)
    for external in list_external_keys(holder.storage):
        for place in external.places:
            offered[place].append(external)
    managed: dict[tuple[str, str], ManagedKey] = {}
    away = set()
    for manager, administrator in holder.key_administrators.items():
        if key_manager not in (None, manager):
            continue
        try:
            managed |= {(manager, key.key_id): key for key in list_keys(administrator)}
        except NotDoneError as error:
            if key_manager is not None:
                raise
            say(f"Key manager {manager}: {error}.")
            away.add(manager)
    listings = [
        KeyListing(
            key_id,
            manager,
            managed.get((manager, key_id)),
            tuple(offered.get((manager, key_id), ())),
            was_asked=manager not in away,
        )
        for manager, key_id in sorted(managed.keys() | offered.keys())
    ]
    return tuple(
        listing
        for listing in listings
        if key_manager in (None, listing.key_manager)
        and (keystore is None or any(key.key_store == keystore for key in listing.offered))
    )


def describe_listing(holder: Holder, key_manager: str, managed: ManagedKey) -> KeyListing:
    """Return one key with the ids under which it is offered."""
    from hyok.administration.external_keys import list_external_keys

    offered = tuple(key for key in list_external_keys(holder.storage) if (key_manager, managed.key_id) in key.places)
    return KeyListing(managed.key_id, key_manager, managed, offered)


def print_key(listing: KeyListing, output: OutputFormat) -> None:
    """Print one key."""
    match output:
        case OutputFormat.JSON:
            print_document({"key": listing.document()})
        case OutputFormat.TEXT:
            managed = listing.managed
            deletion_at = None if managed is None else format_time(managed.deletion_at)
            versions = "" if managed is None else f"{managed.active_version} of {managed.version_count}"
            print_facts(
                [
                    ("Key", listing.key_id),
                    ("Key manager", listing.key_manager),
                    ("State", listing.state if deletion_at is None else f"{listing.state}, on {deletion_at}"),
                    ("Usages", " ".join(listing.usages)),
                    ("Active version", versions),
                    ("Created", "" if managed is None else format_time(managed.created_at) or ""),
                    ("Offered as", " ".join(listing.external_ids) or "no key store has it; see hyok key add --help"),
                    *(("Copies", f"{each.external_key_id}: {_order(each)}") for each in listing.offered if each.copies),
                    *(
                        ("Bound to", f"{each.external_key_id}: {_bound(each)}")
                        for each in listing.offered
                        if each.first_use
                    ),
                ]
            )


def _order(key: ExternalKey) -> str:
    return ", then ".join(map(str, key.places))


def _bound(key: ExternalKey) -> str:
    return (key.first_use and key.first_use.kms_key_arn) or "the KMS key that uses it first"
