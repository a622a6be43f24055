"""Makes versions of keys, so that one left half-made is never used.

Create: a new object is Pre-Active, which hyok takes no notice of. It gets its mark, then it is seen to be the only one
of its number, and only then it is activated. Whatever breaks before that leaves a draft, which the next rotation
finishes.

Re-key, where the server has it: it is one step of the server's. As a rule the replacement is in use at once, because
the activation date is copied, and is then numbered by its date; one that is left Pre-Active is treated as above.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final, TypeVar

from hyok.clock import Deadline
from hyok.errors import NotDoneError
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.kmip import attributes
from hyok.keymanagers.kmip.client import KmipClient
from hyok.keymanagers.kmip.failures import failure_of
from hyok.keymanagers.kmip.finding import find_key
from hyok.keymanagers.kmip.messages import RefusedError
from hyok.keymanagers.kmip.objects import AES_256_BITS, DRAFT, NAMESPACE, KeyObject, Mark
from hyok.keymanagers.kmip.requests import (
    AddAttribute,
    Create,
    GetAttributes,
    ModifyAttribute,
    ObjectRequest,
    ReKey,
    Request,
)
from hyok.keymanagers.kmip.versions import Key, next_number
from hyok.keymanagers.kmip.vocabulary import AES, Operation, ResultReason, State

T = TypeVar("T")
_NAME_TAKEN: Final = frozenset({ResultReason.NON_UNIQUE_NAME_ATTRIBUTE, ResultReason.OBJECT_ALREADY_EXISTS})


async def make_first_version(client: KmipClient, key_id: str, usage_mask: int, deadline: Deadline) -> None:
    """Make a key that is not there yet. KeyManagerError; NotDoneError if another made it at the same time."""
    object_id = await _create(client, key_id, usage_mask, deadline)
    await _put_into_use(client, key_id, object_id, deadline)


async def make_next_version(client: KmipClient, key: Key, deadline: Deadline) -> None:
    """Add a version to a key. KeyManagerError; NotDoneError if another rotated it at the same time."""
    object_id = _unfinished(key) or await _make_replacement(client, key, deadline)
    await _put_into_use(client, key.id, object_id, deadline)


async def write_mark(client: KmipClient, key_object: KeyObject, mark: Mark, deadline: Deadline) -> None:
    """Put a mark on an object, in place of the one that is there. KeyManagerError, RefusedError."""
    place = key_object.mark_place
    written = attributes.application_information(NAMESPACE, str(mark))
    if place is None:
        await client.ask(AddAttribute(key_object.id, written), deadline)
    else:
        await client.ask(ModifyAttribute(key_object.id, place.attribute, written), deadline)


def _unfinished(key: Key) -> str | None:
    # One that will be numbered by its date must be newer than all that are in use.
    is_numbered_by_date = next_number(key) is None
    for draft in key.drafts:
        if _is_ours(draft) and not (is_numbered_by_date and draft.initial_date <= key.newest_number):
            return draft.id
    return None


def _is_ours(draft: KeyObject) -> bool:
    # A draft of somebody else's, or one that waits for its activation date, is neither ours to use nor in our way.
    return not draft.has_activation_date and (draft.mark_place is not None or draft.replaced_id is not None)


async def _make_replacement(client: KmipClient, key: Key, deadline: Deadline) -> str:
    newest = key.newest
    if newest is None:
        raise NotDoneError(f"key {key.id} has no version that was ever in use; activate one at the server")
    server = await client.server(deadline)
    # Where there is Re-key, names are unique as a rule; it hands the name on.
    if Operation.RE_KEY in server.operations:
        # A replacement may be in use at once, and two of one date could not be told apart.
        if next_number(key) is None and (client.server_time or 0) <= key.newest_number:
            raise _too_soon(key.id)
        return await _ask(client, ReKey(newest.id), deadline)
    return await _create(client, key.id, newest.usage_mask, deadline)


async def _create(client: KmipClient, key_id: str, usage_mask: int, deadline: Deadline) -> str:
    wanted: Sequence[attributes.Attribute] = (
        attributes.name(key_id),
        attributes.algorithm(AES),
        attributes.length(AES_256_BITS),
        attributes.usage_mask(usage_mask),
        attributes.application_information(NAMESPACE, DRAFT),
    )
    try:
        return await client.ask(Create(wanted), deadline)
    except RefusedError as refusal:
        if refusal.reason in _NAME_TAKEN:
            raise NotDoneError(f"the server has the name {key_id} already: {refusal}") from refusal
        raise failure_of(refusal) from refusal


async def _put_into_use(client: KmipClient, key_id: str, object_id: str, deadline: Deadline) -> None:
    made = await _ask(client, GetAttributes(object_id), deadline)
    if made.state is not State.PRE_ACTIVE:
        return
    try:
        await _mark_and_activate(client, key_id, made, deadline)
    except RefusedError as refusal:
        now = await _look_again(client, object_id, deadline)
        if now is not None and now.state is State.ACTIVE:
            return  # another took it for a draft that was left behind, and has finished it
        if now is None or now.mark_place != made.mark_place:
            raise _another_at_work(key_id) from refusal
        raise failure_of(refusal) from refusal


async def _mark_and_activate(client: KmipClient, key_id: str, made: KeyObject, deadline: Deadline) -> None:
    key = await _find(client, key_id, deadline)
    number = next_number(key)
    if number is not None:
        await write_mark(client, made, Mark(is_enabled=True, version=number, object_id=made.id), deadline)
    elif made.initial_date <= key.newest_number:
        await _discard(client, made.id, deadline)
        raise _too_soon(key_id)
    # Of two who rotate at once, each marks before it looks: so one at least sees the other, and gives way.
    if _has_rival(await _find(client, key_id, deadline), made.id, number):
        await _discard(client, made.id, deadline)
        raise _another_at_work(key_id)
    await client.ask(ObjectRequest(Operation.ACTIVATE, made.id), deadline)


def _has_rival(key: Key, object_id: str, number: int | None) -> bool:
    rivals = [draft for draft in key.drafts if draft.id != object_id and _is_ours(draft)]
    if number is None:
        return bool(rivals)
    return number in key.versions or any(rival.mark is not None and rival.mark.version == number for rival in rivals)


async def _discard(client: KmipClient, object_id: str, deadline: Deadline) -> None:
    # A draft that cannot be destroyed does no harm; the next rotation finishes it.
    with contextlib.suppress(KeyManagerError):
        await _ask(client, ObjectRequest(Operation.DESTROY, object_id), deadline)


async def _find(client: KmipClient, key_id: str, deadline: Deadline) -> Key:
    key = await find_key(client, key_id, deadline)
    if key is None:
        raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, f"a key was made, but not found by its name {key_id}")
    return key


async def _look_again(client: KmipClient, object_id: str, deadline: Deadline) -> KeyObject | None:
    try:
        return await client.ask(GetAttributes(object_id), deadline)
    except RefusedError:
        return None


def _too_soon(key_id: str) -> NotDoneError:
    return NotDoneError(
        f"the newest version of {key_id} is not a second old by the server's clock; wait and rotate again"
    )


def _another_at_work(key_id: str) -> NotDoneError:
    return NotDoneError(f"key {key_id} is being made or rotated by another at the same time; look, and try again")


async def _ask(client: KmipClient, request: Request[T], deadline: Deadline) -> T:
    try:
        return await client.ask(request, deadline)
    except RefusedError as refusal:
        raise failure_of(refusal) from refusal
