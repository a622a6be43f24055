"""Key objects for tests."""

from __future__ import annotations

from hyok.keymanagers.kmip.objects import KeyObject, Mark, MarkPlace
from hyok.keymanagers.kmip.vocabulary import AES, State

LONG_AGO = 1_600_000_000


def key_object(object_id: str = "a", **changes: object) -> KeyObject:
    """An active AES-256 key made long ago by another tool."""
    plain = KeyObject(
        id=object_id,
        state=State.ACTIVE,
        initial_date=LONG_AGO,
        algorithm=AES,
        length_bits=256,
        usage_mask=12,
        names=("key",),
        replaced_id=None,
        has_activation_date=False,
        mark=None,
        mark_place=None,
    )
    return plain._replace(**changes)  # type: ignore[arg-type]  # fields of it


def marked(
    object_id: str, version: int, *, is_enabled: bool = True, written_on: str = "", **changes: object
) -> KeyObject:
    """An object with a mark."""
    mark = Mark(is_enabled=is_enabled, version=version, object_id=written_on or object_id)
    return key_object(object_id, mark=mark, mark_place=MarkPlace(str(mark), 0), **changes)
