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


class KeyState(Enum):
    """Whether a key may be used. The value is what stands in the column."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class KeyRow(NamedTuple):
    """What must not be edited behind hyok's back: each version's material is sealed together with all of it."""

    key_id: str
    usages: frozenset[KeyUsage]
    state: KeyState
    active_version: int


def seal_material(safe: Safe, material: Secret, *, row: KeyRow, number: int) -> bytes:
    """Seal the 32 bytes of one version."""
    return safe.seal(material.reveal(), "embedded_key_versions", *_context(row, number))


def open_material(safe: Safe, sealed: bytes, *, row: KeyRow, number: int) -> Secret:
    """Return the 32 bytes of one version. IntegrityError if the key's row or the version is not as it was sealed."""
    return safe.open(sealed, "embedded_key_versions", *_context(row, number))


def usages_text(usages: frozenset[KeyUsage]) -> str:
    """Write usages as in the column: `DECRYPT,ENCRYPT` or one of them."""
    return ",".join(sorted(usage.value for usage in usages))


def read_row(key_id: str, *, usages: str, state: str, active_version: int) -> KeyRow:
    """Read a row's columns. IntegrityError, naming the row, for a word that hyok never writes."""
    known_usages = USAGES_OF_TEXT.get(usages)
    known_state = _STATE_OF_TEXT.get(state)
    if known_usages is None or known_state is None or not is_version_number(active_version):
        raise IntegrityError(
            f"table embedded_keys, row {key_id!r}, was altered: usages {usages!r}, state {state!r}, active version "
            f"{active_version}; restore it from a backup"
        )
    return KeyRow(key_id, known_usages, known_state, active_version)


def is_version_number(number: object) -> TypeGuard[int]:
    """Tell whether a column holds a version's number: SQLite itself would keep any value there."""
    return isinstance(number, int) and 0 < number < 2**32


def _context(row: KeyRow, number: int) -> tuple[str | int, ...]:
    return row.key_id, number, row.state.value, usages_text(row.usages), row.active_version


USAGES_OF_TEXT: Final[Mapping[str, frozenset[KeyUsage]]] = {
    usages_text(usages): usages
    for usages in (frozenset(KeyUsage), frozenset({KeyUsage.ENCRYPT}), frozenset({KeyUsage.DECRYPT}))
}
_STATE_OF_TEXT: Final[Mapping[str, KeyState]] = {state.value: state for state in KeyState}
