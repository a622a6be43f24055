"""Finds the objects of a key: by name, and by the links that Re-key leaves (KMIP 2.1, 6.1.51).

Re-key takes the name away from the object that it replaces, and links the replacement to it. A server without Re-key
has several objects of one name instead. Both are followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from hyok.clock import Deadline
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.kmip import attributes
from hyok.keymanagers.kmip.client import KmipClient
from hyok.keymanagers.kmip.failures import failure_of
from hyok.keymanagers.kmip.messages import RefusedError
from hyok.keymanagers.kmip.objects import KeyObject
from hyok.keymanagers.kmip.requests import GetAttributes, Locate
from hyok.keymanagers.kmip.versions import Key, make_key
from hyok.keymanagers.kmip.vocabulary import ResultReason

MAX_OBJECTS: Final = 1000
"""Of one key. Nobody rotates so often; a filter that a server ignores would bring all it has."""
_READ_AT_ONCE: Final = 50
_GONE: Final = frozenset({ResultReason.ITEM_NOT_FOUND, ResultReason.OBJECT_NOT_FOUND, ResultReason.OBJECT_DESTROYED})


async def find_key(client: KmipClient, key_id: str, deadline: Deadline) -> Key | None:
    """Read a key with all its objects; None if no symmetric key has that name. KeyManagerError."""
    located = await _locate(client, [attributes.name(key_id), attributes.symmetric_key()], deadline)
    if len(located) > MAX_OBJECTS:
        raise KeyManagerError(
            KeyManagerFailure.UNAVAILABLE, f"{len(located)} objects have the name {key_id}, more than {MAX_OBJECTS}"
        )
    named = [each for each in await _read(client, located, deadline) if key_id in each.names]
    if not named:
        return None
    return make_key(key_id, await _with_replaced(client, named, {each.id: each for each in named}, deadline))


async def find_all_keys(client: KmipClient, deadline: Deadline) -> tuple[Key, ...]:
    """Read all symmetric keys that have a name, sorted by it. One that cannot be numbered is left out."""
    located = await _locate(client, [attributes.symmetric_key()], deadline)
    objects = {each.id: each for each in await _read(client, located, deadline)}
    keys = []
    for key_id in sorted({name for each in objects.values() for name in each.names}):
        named = [each for each in objects.values() if key_id in each.names]
        try:
            keys.append(make_key(key_id, await _with_replaced(client, named, objects, deadline)))
        except KeyManagerError:
            continue
    return tuple(keys)


async def _locate(client: KmipClient, wanted: Sequence[attributes.Attribute], deadline: Deadline) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(await client.ask(Locate(wanted), deadline)))
    except RefusedError as refusal:
        if refusal.reason in _GONE:
            return ()  # some servers say so where others answer with nothing
        raise failure_of(refusal) from refusal


async def _read(client: KmipClient, ids: Sequence[str], deadline: Deadline) -> list[KeyObject]:
    """Read objects; those that are gone meanwhile are left out."""
    objects = []
    for start in range(0, len(ids), _READ_AT_ONCE):
        requests = [GetAttributes(object_id) for object_id in ids[start : start + _READ_AT_ONCE]]
        for result in await client.ask_all(requests, deadline):
            if not isinstance(result, RefusedError):
                objects.append(result)
            elif result.reason not in _GONE:
                raise failure_of(result) from result
    return objects


async def _with_replaced(
    client: KmipClient, named: Iterable[KeyObject], known: Mapping[str, KeyObject], deadline: Deadline
) -> tuple[KeyObject, ...]:
    """Add the objects that these have replaced, and those that they have, and so on."""
    found = {each.id: each for each in named}
    added = list(found.values())
    while added:
        wanted = {each.replaced_id for each in added if each.replaced_id is not None} - found.keys()
        if len(found) + len(wanted) > MAX_OBJECTS:
            raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, f"a key has more than {MAX_OBJECTS} objects")
        unknown = sorted(wanted - known.keys())
        added = [known[object_id] for object_id in sorted(wanted & known.keys())]
        added += await _read(client, unknown, deadline) if unknown else []
        found.update((each.id, each) for each in added)
    return tuple(found.values())
