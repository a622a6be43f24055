"""Make and change keys at a KMIP server. Each change is the server's, and durable there when the call returns.

What a disabled key is: KMIP has no state that can be left again, for Revoke is for ever. So hyok marks all objects of
the key as disabled, and every hyok that reads them refuses all use within a second; the server itself does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, TypeVar

from hyok.clock import Deadline, deadline_in
from hyok.errors import NotDoneError
from hyok.keymanagers.errors import KeyManagerError
from hyok.keymanagers.interface import KeyUsage, ManagedKey
from hyok.keymanagers.kmip.client import KmipClient
from hyok.keymanagers.kmip.finding import find_all_keys, find_key
from hyok.keymanagers.kmip.health import Probe
from hyok.keymanagers.kmip.making import make_first_version, make_next_version, write_mark
from hyok.keymanagers.kmip.messages import RefusedError
from hyok.keymanagers.kmip.objects import KeyObject, Mark
from hyok.keymanagers.kmip.setup import KmipSetup
from hyok.keymanagers.kmip.versions import Key, mask_of, usages_of
from hyok.keymanagers.kmip.vocabulary import Operation
from hyok.keymanagers.tasks import OwnTasks
from hyok.xks.uri import is_external_key_id

CALL_SECONDS: Final = 30.0
_NEEDED: Final = (Operation.LOCATE, Operation.GET_ATTRIBUTES, Operation.ENCRYPT, Operation.DECRYPT)
T = TypeVar("T")
_Work = Callable[[KmipClient, Deadline], Awaitable[T]]


class KmipKeyAdministrator:
    """A `KeyAdministrator` on one KMIP server.

    Each call connects anew, and runs a loop of its own: call it from a thread that runs none.
    """

    def __init__(self, make_setup: Callable[[], KmipSetup]) -> None:
        """`make_setup` reads certificates; called with each use, so that a bad one hinders nobody who uses others."""
        self._make_setup = make_setup

    def create_key(self, key_id: str, usages: frozenset[KeyUsage]) -> ManagedKey:
        """Create an AES-256 key with version 1. NotDoneError if the name is taken or no key id."""
        if not is_external_key_id(key_id):
            raise NotDoneError(
                f"{key_id!r} ({len(key_id)} characters) is no key id; use 1 to 128 of the characters a-z A-Z 0-9 - . _"
            )
        if not usages:
            raise NotDoneError(f"key {key_id} would be of no use; name at least one of ENCRYPT and DECRYPT")

        async def create(client: KmipClient, deadline: Deadline) -> ManagedKey:
            present = await find_key(client, key_id, deadline)
            if present is not None:
                advice = "rotate it to get new material" if present.versions else "rotate it to finish what was begun"
                raise NotDoneError(f"the server has a key {key_id} already; choose another id, or {advice}")
            await make_first_version(client, key_id, mask_of(usages), deadline)
            return _managed(await _get(client, key_id, deadline))

        return self._carry_out(create)

    def rotate_key(self, key_id: str) -> ManagedKey:
        """Add a version, which encrypts within a second; older ones decrypt on.

        NotDoneError if there is no such key, if it is disabled, or if its newest version is not a second old.
        """

        async def rotate(client: KmipClient, deadline: Deadline) -> ManagedKey:
            key = await _get(client, key_id, deadline)
            if key.is_disabled:
                raise NotDoneError(f"key {key_id} is disabled; enable it before it is rotated")
            await make_next_version(client, key, deadline)
            return _managed(await _get(client, key_id, deadline))

        return self._carry_out(rotate)

    def enable_key(self, key_id: str) -> ManagedKey:
        """Allow what `disable_key` refused; what was revoked at the server stays so."""
        return self._carry_out(lambda client, deadline: _mark_all(client, key_id, deadline, is_enabled=True))

    def disable_key(self, key_id: str) -> ManagedKey:
        """Refuse all use of the key by hyok until it is enabled again; nothing changes if it is refused already."""
        return self._carry_out(lambda client, deadline: _mark_all(client, key_id, deadline, is_enabled=False))

    def show_key(self, key_id: str) -> ManagedKey:
        """Return one key. NotDoneError if there is none of that name."""

        async def show(client: KmipClient, deadline: Deadline) -> ManagedKey:
            return _managed(await _get(client, key_id, deadline))

        return self._carry_out(show)

    def list_keys(self) -> tuple[ManagedKey, ...]:
        """Return all symmetric keys that this client may see and that have a name, sorted by it."""

        async def list_all(client: KmipClient, deadline: Deadline) -> tuple[ManagedKey, ...]:
            return tuple(map(_managed, await find_all_keys(client, deadline)))

        return self._carry_out(list_all)

    def find_faults(self) -> tuple[str, ...]:
        """Talk to the server as the proxy will; what does not work, in sentences. Makes and changes nothing."""

        async def find(client: KmipClient, deadline: Deadline) -> tuple[str, ...]:
            server = await client.server(deadline)
            if await find_key(client, client.setup.health_key, deadline) is not None:
                await _try_health_key(client, deadline)
            missing = [each for each in _NEEDED if server.operations and each not in server.operations]
            return tuple(f"the server does not offer {each.name.capitalize().replace('_', ' ')}" for each in missing)

        try:
            return self._carry_out(find)
        except KeyManagerError as error:
            return (str(error),)

    def _carry_out(self, work: _Work[T]) -> T:
        setup = self._make_setup()._replace(connections=1)

        async def run() -> T:
            tasks = OwnTasks()
            client = KmipClient(setup, tasks)
            try:
                return await work(client, deadline_in(CALL_SECONDS))
            finally:
                await tasks.aclose()
                await client.aclose()

        return asyncio.run(run())


async def _try_health_key(client: KmipClient, deadline: Deadline) -> None:
    tasks = OwnTasks()
    try:
        await Probe(client, tasks).run(deadline)
    finally:
        await tasks.aclose()


async def _get(client: KmipClient, key_id: str, deadline: Deadline) -> Key:
    key = await find_key(client, key_id, deadline)
    if key is None:
        raise NotDoneError(f"the KMIP server has no symmetric key of the name {key_id!r}; see its keys, or create it")
    return key


async def _mark_all(client: KmipClient, key_id: str, deadline: Deadline, *, is_enabled: bool) -> ManagedKey:
    key = await _get(client, key_id, deadline)
    for key_object, mark in _marks_to_write(key, is_enabled=is_enabled):
        try:
            await write_mark(client, key_object, mark, deadline)
        except RefusedError as refusal:
            raise NotDoneError(
                f"the server does not let hyok mark object {key_object.id} of {key_id} ({refusal}); revoke the key at "
                "the server, or take it out of the key stores"
            ) from refusal
    return _managed(await _get(client, key_id, deadline))


def _marks_to_write(key: Key, *, is_enabled: bool) -> Iterator[tuple[KeyObject, Mark]]:
    # The newest first: from its mark on, the whole key is refused.
    for number in sorted(key.versions, reverse=True):
        key_object = key.versions[number]
        if (key_object.mark is None or key_object.mark.is_enabled) is not is_enabled:
            yield key_object, Mark(is_enabled=is_enabled, version=number, object_id=key_object.id)
    for draft in key.drafts:
        # Re-key copies marks. Left there, this one would disable the key again with the draft's activation.
        if is_enabled and draft.mark is not None and not draft.mark.is_enabled:
            yield draft, draft.mark._replace(is_enabled=True)


def _managed(key: Key) -> ManagedKey:
    shown = key.newest or key.drafts[0]
    created_at = min(each.initial_date for each in (*key.versions.values(), *key.drafts))
    return ManagedKey(
        key_id=key.id,
        usages=usages_of(shown),
        is_enabled=key.is_enabled,
        active_version=key.newest_number,
        version_count=len(key.versions),
        created_at=float(created_at),
    )
