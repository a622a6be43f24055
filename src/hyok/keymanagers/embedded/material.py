"""How a key lies in the storage: the words of its columns, and what its sealed material is bound to."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple, TypeGuard

from hyok.custody.errors import IntegrityError
from hyok.custody.safe import Safe
from hyok.keymanagers.interface import KeyUsage
from hyok.secret import Secret

MATERIAL_BYTES: Final = 32
MAXIMUM_ENCRYPTIONS: Final = 2**32
"""Under one version: IVs are random, 96 bits long (NIST SP 800-38D 8.3)."""


class KeyState(Enum):
    """Whether a key may be used. The value is what stands in the column."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    PENDING_DELETION = "pending deletion"
    """Refused like a disabled one, until its date has come or its deletion is cancelled."""
    DESTROYED = "destroyed"
    """Without material. The row stays, so that the id and its version numbers never stand for other material."""


class KeyRow(NamedTuple):
    """What must not be edited behind hyok's back: each version's material is sealed together with all of it."""

    key_id: str
    usages: frozenset[KeyUsage]
    state: KeyState
    active_version: int
    deletion_at: float | None = None
    """When it is destroyed, in Unix seconds; of one that is, when it was to be. None while nothing is scheduled."""


class VersionPlace(NamedTuple):
    """Which version of a key material belongs to, and what of the version's own row must not be edited."""

    number: int
    encryptions_leased: int = 0


def seal_material(safe: Safe, material: Secret, *, row: KeyRow, place: VersionPlace) -> bytes:
    """Seal the 32 bytes of one version."""
    return safe.seal(material.reveal(), *place_of_material(row, place))


def open_material(safe: Safe, sealed: bytes, *, row: KeyRow, place: VersionPlace) -> Secret:
    """Return the 32 bytes of one version. IntegrityError if the key's row or the version is not as it was sealed."""
    return safe.open(sealed, *place_of_material(row, place))


def usages_text(usages: frozenset[KeyUsage]) -> str:
    """Write usages as in the column: `DECRYPT,ENCRYPT` or one of them."""
    return ",".join(sorted(usage.value for usage in usages))


def read_row(key_id: str, *, usages: str, state: str, active_version: int, deletion_at: float | None) -> KeyRow:
    """Read a row's columns. IntegrityError, naming the row, for a word that hyok never writes."""
    known_usages = USAGES_OF_TEXT.get(usages)
    known_state = _STATE_OF_TEXT.get(state)
    if (
        known_usages is None
        or known_state is None
        or not is_version_number(active_version)
        or (deletion_at is None) is not (known_state in (KeyState.ENABLED, KeyState.DISABLED))
    ):
        raise IntegrityError(
            f"table embedded_keys, row {key_id!r}, was altered: usages {usages!r}, state {state!r}, active version "
            f"{active_version}, deletion at {deletion_at}; restore it from a backup"
        )
    return KeyRow(key_id, known_usages, known_state, active_version, deletion_at)


def is_version_number(number: object) -> TypeGuard[int]:
    """Tell whether a column holds a version's number: SQLite itself would keep any value there."""
    return isinstance(number, int) and 0 < number < 2**32


def is_encryption_count(count: object) -> TypeGuard[int]:
    """Tell whether a column holds a number of encryptions that one version may have given out."""
    return isinstance(count, int) and 0 <= count <= MAXIMUM_ENCRYPTIONS


def place_of_material(row: KeyRow, place: VersionPlace) -> tuple[str, *tuple[str | int, ...]]:
    """Return what a version's material is bound to: its table, its version, and all of its key's row."""
    # What is not there yet is left out, so that what an earlier hyok sealed opens.
    deletion = () if row.deletion_at is None else (f"deletion at {row.deletion_at!r}",)
    leased = () if place.encryptions_leased == 0 else (place.encryptions_leased,)
    return (
        "embedded_key_versions",
        row.key_id,
        place.number,
        row.state.value,
        usages_text(row.usages),
        row.active_version,
        *deletion,
        *leased,
    )


USAGES_OF_TEXT: Final[Mapping[str, frozenset[KeyUsage]]] = {
    usages_text(usages): usages
    for usages in (frozenset(KeyUsage), frozenset({KeyUsage.ENCRYPT}), frozenset({KeyUsage.DECRYPT}))
}
_STATE_OF_TEXT: Final[Mapping[str, KeyState]] = {state.value: state for state in KeyState}
