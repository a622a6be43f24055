"""How key objects become the versions of a key. No input or output.

All objects that have the key's name, or were replaced by one that has it, are versions of the key. The number of an
object is
1. what hyok's own mark on it says, if the mark was written on this very object: 1 for the first version of a key that
   hyok makes;
2. else its Initial Date in Unix seconds, which the server sets and nobody changes.

So a number never depends on which other objects are there: destroying one renumbers none, and time never comes back to
a number. Dates are beyond 10^9, so that 1 cannot be one. A higher number is always a newer object.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyUsage
from hyok.keymanagers.kmip.objects import KeyObject
from hyok.keymanagers.kmip.vocabulary import MAY_DECRYPT, MAY_ENCRYPT, State

FIRST_NUMBER: Final = 1
"""Of a key that hyok makes."""
FIRST_DATE: Final = 1_000_000_000
"""September 2001: numbers from here on are Initial Dates."""
MAX_NUMBER: Final = 2**32 - 1


class Key(NamedTuple):
    """A key: its objects that are or have been in use, by version number."""

    id: str
    versions: dict[int, KeyObject]
    """The highest number is the newest. Empty while no object has been activated."""
    drafts: tuple[KeyObject, ...]
    """Pre-Active objects: not in use yet, the newest first."""
    is_disabled: bool
    """Whether hyok has been told to refuse all use."""

    @property
    def newest_number(self) -> int:
        """The number of the version that encrypts, if any does; 0 if there is none."""
        return max(self.versions, default=0)

    @property
    def newest(self) -> KeyObject | None:
        """The newest object that has been activated; what a description is made of."""
        return self.versions.get(self.newest_number)

    @property
    def is_enabled(self) -> bool:
        """Whether it may be used: an older version does not step in for a newest that was withdrawn."""
        return not self.is_disabled and self.newest is not None and self.newest.state is State.ACTIVE


def make_key(key_id: str, objects: Sequence[KeyObject]) -> Key:
    """Number the objects of a key. KeyManagerError UNAVAILABLE if two of them have one number, or one has none."""
    versions: dict[int, KeyObject] = {}
    for each in objects:
        if each.state is State.PRE_ACTIVE:
            continue
        number = number_of(each)
        if number in versions:
            raise _unusable(
                f"objects {versions[number].id} and {each.id} of key {key_id} would both be version {number}: made in "
                "the same second; take the name from one of them"
            )
        versions[number] = each
    drafts = [each for each in objects if each.state is State.PRE_ACTIVE]
    return Key(
        key_id,
        versions,
        tuple(sorted(drafts, key=lambda each: each.initial_date, reverse=True)),
        # A mark that Re-key copied counts, too: replacing a disabled key does not enable it.
        is_disabled=any(each.mark is not None and not each.mark.is_enabled for each in versions.values()),
    )


def number_of(key_object: KeyObject) -> int:
    """Return an object's version number. KeyManagerError UNAVAILABLE if its date makes none."""
    mark = key_object.mark
    if mark is not None and mark.object_id == key_object.id and mark.version <= MAX_NUMBER:
        return mark.version
    if not FIRST_DATE <= key_object.initial_date <= MAX_NUMBER:
        raise _unusable(
            f"object {key_object.id} has the Initial Date {key_object.initial_date}, which makes no version"
        )
    return key_object.initial_date


def may_have_been(key: Key, number: int) -> bool:
    """Tell whether a version that is not there may have been, and is gone."""
    return number < key.newest_number and (number == FIRST_NUMBER or number >= FIRST_DATE)


def usages_of(key_object: KeyObject) -> frozenset[KeyUsage]:
    """Return what an object may be used for."""
    return frozenset(usage for usage, bit in _USAGE_BITS if key_object.usage_mask & bit)


def mask_of(usages: frozenset[KeyUsage]) -> int:
    """Return the Cryptographic Usage Mask that permits these usages."""
    return sum(bit for usage, bit in _USAGE_BITS if usage in usages)


def _unusable(detail: str) -> KeyManagerError:
    return KeyManagerError(KeyManagerFailure.UNAVAILABLE, detail)


_USAGE_BITS: Final = ((KeyUsage.ENCRYPT, MAY_ENCRYPT), (KeyUsage.DECRYPT, MAY_DECRYPT))
