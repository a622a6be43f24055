"""Makes versions of keys, so that one left half-made is never used.

Create: a new object is Pre-Active, which hyok takes no notice of. The first of a key gets its mark; then it is seen
that no other is being made, and only then it is activated. Whatever breaks before that leaves a draft, which a rotation
finishes once nobody can be at work on it any more.

Re-key, where the server has it: it is one step of the server's. As a rule the replacement is in use at once, because
the activation date is copied; one that is left Pre-Active is treated as above.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

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
from hyok.keymanagers.kmip.versions import FIRST_NUMBER, Key
from hyok.keymanagers.kmip.vocabulary import AES, Operation, ResultReason, State

T = TypeVar("T")
MAKING_SECONDS: Final = 60
"""A draft as young as this by the server's clock may be somebody's at work: no command takes so long."""
_NAME_TAKEN: Final = frozenset({ResultReason.NON_UNIQUE_NAME_ATTRIBUTE, ResultReason.OBJECT_ALREADY_EXISTS})


class _Draft(NamedTuple):
    object_id: str
    is_first: bool
    """Of its key."""
    is_adopted: bool
    """Whether it was left behind by another command, so that others may be adopting it, too."""


async def make_first_version(client: KmipClient, key_id: str, usage_mask: int, deadline: Deadline) -> None:
    """Make a key that is not there yet. KeyManagerError; NotDoneError if another made it at the same time."""
    object_id = await _create(client, key_id, usage_mask, deadline)
    await _put_into_use(client, key_id, _Draft(object_id, is_first=True, is_adopted=False), deadline)


async def make_next_version(client: KmipClient, key: Key, deadline: Deadline) -> None:
    """Add a version to a key. KeyManagerError; NotDoneError if another rotated it at the same time."""
    adopted = _left_behind(client, key)
    object_id = adopted or await _make_replacement(client, key, deadline)
    draft = _Draft(object_id, is_first=not key.versions, is_adopted=adopted is not None)
    await _put_into_use(client, key.id, draft, deadline)


async def write_mark(client: KmipClient, key_object: KeyObject, mark: Mark, deadline: Deadline) -> None:
    """Put a mark on an object, in place of the one that is there. KeyManagerError, RefusedError."""
    place = key_object.mark_place
    written = attributes.application_information(NAMESPACE, str(mark))
    if place is None:
        await client.ask(AddAttribute(key_object.id, written), deadline)
    else:
        await client.ask(ModifyAttribute(key_object.id, place.attribute, written), deadline)


def _left_behind(client: KmipClient, key: Key) -> str | None:
    for draft in key.drafts:
        # Its date will be its number, which must be the highest.
        if _is_ours(draft) and not _is_being_made(client, draft) and draft.initial_date > key.newest_number:
            return draft.id
    return None


def _is_ours(draft: KeyObject) -> bool:
    # A draft of somebody else's, or one that waits for its activation date, is neither ours to use nor in our way.
    return not draft.has_activation_date and (draft.mark_place is not None or draft.replaced_id is not None)


def _is_being_made(client: KmipClient, draft: KeyObject) -> bool:
    return (client.server_time or 0) - draft.initial_date < MAKING_SECONDS


async def _make_replacement(client: KmipClient, key: Key, deadline: Deadline) -> str:
    newest = key.newest
    if newest is None:
        raise NotDoneError(
            f"key {key.id} has no version that was ever in use; if hyok was making one, try again in a minute, else "
            "activate one at the server"
        )
    server = await client.server(deadline)
    # Where there is Re-key, names are unique as a rule; it hands the name on.
    if Operation.RE_KEY in server.operations:
        # A replacement may be in use at once, and two of one date could not be told apart.
        if (client.server_time or 0) <= key.newest_number:
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


async def _put_into_use(client: KmipClient, key_id: str, draft: _Draft, deadline: Deadline) -> None:
    made = await _ask(client, GetAttributes(draft.object_id), deadline)
    if made.state is not State.PRE_ACTIVE:
        return
    if draft.is_first:
        await _mark_as_first(client, made, deadline)
    # Of two who are at work at once, each makes its object before it looks: so one at least sees the other's, and gives
    # way.
    key = await _find(client, key_id, deadline)
    if (draft.is_first and key.versions) or _has_rival(client, key, draft.object_id):
        await _discard(client, draft, deadline)
        raise NotDoneError(f"key {key_id} is being made or rotated by another at the same time; look, and try again")
    if made.initial_date <= key.newest_number:
        await _discard(client, draft, deadline)
        raise _too_soon(key_id)
    await _ask(client, ObjectRequest(Operation.ACTIVATE, draft.object_id), deadline)


async def _mark_as_first(client: KmipClient, made: KeyObject, deadline: Deadline) -> None:
    mark = Mark(is_enabled=True, version=FIRST_NUMBER, object_id=made.id)
    try:
        await write_mark(client, made, mark, deadline)
    except RefusedError as refusal:
        raise failure_of(refusal) from refusal


def _has_rival(client: KmipClient, key: Key, object_id: str) -> bool:
    return any(draft.id != object_id and _is_ours(draft) and _is_being_made(client, draft) for draft in key.drafts)


async def _discard(client: KmipClient, draft: _Draft, deadline: Deadline) -> None:
    if draft.is_adopted:
        return  # another may have activated it just now
    # A draft that cannot be destroyed does no harm.
    with contextlib.suppress(KeyManagerError):
        await _ask(client, ObjectRequest(Operation.DESTROY, draft.object_id), deadline)


async def _find(client: KmipClient, key_id: str, deadline: Deadline) -> Key:
    key = await find_key(client, key_id, deadline)
    if key is None:
        raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, f"a key was made, but not found by its name {key_id}")
    return key


def _too_soon(key_id: str) -> NotDoneError:
    return NotDoneError(
        f"the newest version of {key_id} is not a second old by the server's clock; wait and rotate again"
    )


async def _ask(client: KmipClient, request: Request[T], deadline: Deadline) -> T:
    try:
        return await client.ask(request, deadline)
    except RefusedError as refusal:
        raise failure_of(refusal) from refusal
