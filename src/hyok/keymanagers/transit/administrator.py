"""Make and change Transit keys. Each change is the server's, and durable there when the call returns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from hyok.clock import Deadline, deadline_in
from hyok.errors import NotDoneError
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyUsage, ManagedKey
from hyok.keymanagers.tasks import OwnTasks
from hyok.keymanagers.transit.api import TransitApi
from hyok.keymanagers.transit.health import check_servers
from hyok.keymanagers.transit.keys import KEY_TYPE, why_unsupported
from hyok.keymanagers.transit.setup import TransitSetup, is_key_name
from hyok.keymanagers.transit.wire import KeyProperties

CALL_SECONDS: Final = 30.0
_READINGS_AT_ONCE: Final = 16
T = TypeVar("T")
_Work = Callable[[TransitApi, Deadline], Awaitable[T]]


class TransitKeyAdministrator:
    """A `KeyAdministrator` on the Transit secrets engine of one cluster.

    Each call logs in anew, and runs a loop of its own: call it from a thread that runs none.
    """

    def __init__(self, make_setup: Callable[[], TransitSetup]) -> None:
        """`make_setup` is called by each call: it reads certificates, whose lack must not stop other commands."""
        self._make_setup = make_setup

    def create_key(self, key_id: str, usages: frozenset[KeyUsage]) -> ManagedKey:
        """Create an AES-256-GCM key. NotDoneError if the name is taken or none, or if it shall have one usage only."""
        if not is_key_name(key_id):
            raise NotDoneError(
                f"{key_id!r} is no name of a Transit key; use a-z A-Z 0-9 _ - . and begin and end with none of - ."
            )
        if usages != frozenset(KeyUsage):
            raise NotDoneError(
                f"a Transit key always encrypts and decrypts; create {key_id} with both usages, and restrict its use "
                "by the server's policies"
            )

        async def create(api: TransitApi, deadline: Deadline) -> ManagedKey:
            if await _find(api, key_id, deadline) is not None:
                raise _taken(key_id)
            # The server would answer kindly and leave an existing key as it is; only the warning tells.
            if any("already existed" in warning for warning in await api.create_key(key_id, KEY_TYPE, deadline)):
                raise _taken(key_id)
            return await _get(api, key_id, deadline)

        return self._carry_out(create)

    def rotate_key(self, key_id: str) -> ManagedKey:
        """Add a version, which encrypts within a second; older ones decrypt on. NotDoneError if there is no key."""

        async def rotate(api: TransitApi, deadline: Deadline) -> ManagedKey:
            await _get(api, key_id, deadline)
            await api.rotate_key(key_id, deadline)
            return await _get(api, key_id, deadline)

        return self._carry_out(rotate)

    def enable_key(self, key_id: str) -> ManagedKey:
        """Restore a soft-deleted key; nothing changes if it is enabled."""

        async def enable(api: TransitApi, deadline: Deadline) -> ManagedKey:
            if not (await _get(api, key_id, deadline)).is_enabled:
                await api.restore_key(key_id, deadline)
            return await _get(api, key_id, deadline)

        return self._carry_out(enable)

    def disable_key(self, key_id: str) -> ManagedKey:
        """Soft-delete a key; nothing changes if it is. NotDoneError if the server cannot, as Vault."""

        async def disable(api: TransitApi, deadline: Deadline) -> ManagedKey:
            if (await _get(api, key_id, deadline)).is_enabled:
                await _soft_delete(api, key_id, deadline)
            return await _get(api, key_id, deadline)

        return self._carry_out(disable)

    def show_key(self, key_id: str) -> ManagedKey:
        """Return one key. NotDoneError if there is none of that name, or one that cannot be an external key."""
        return self._carry_out(lambda api, deadline: _get(api, key_id, deadline))

    def list_keys(self) -> tuple[ManagedKey, ...]:
        """Return all keys that can be external keys, sorted by name; others of the secrets engine are left out."""
        return self._carry_out(_list)

    def find_faults(self) -> tuple[str, ...]:
        """Log in and try every server, with the health key if there is one; what does not work, in sentences."""

        setup = self._make_setup()

        async def find(api: TransitApi, deadline: Deadline) -> tuple[str, ...]:
            checks = await check_servers(api, setup.health_key, deadline)
            return tuple(check.fault for check in checks if check.fault)

        return _run(setup, find)

    def _carry_out(self, work: _Work[T]) -> T:
        return _run(self._make_setup(), work)


def _run(setup: TransitSetup, work: _Work[T]) -> T:
    async def run() -> T:
        tasks = OwnTasks()
        api = TransitApi(setup, tasks)
        try:
            return await work(api, deadline_in(CALL_SECONDS))
        finally:
            await tasks.aclose()
            await api.aclose()

    return asyncio.run(run())


async def _list(api: TransitApi, deadline: Deadline) -> tuple[ManagedKey, ...]:
    places = asyncio.Semaphore(_READINGS_AT_ONCE)

    async def read(name: str) -> KeyProperties | None:
        async with places:
            return await _find(api, name, deadline)

    names = sorted(await api.list_keys(deadline))
    found = await asyncio.gather(*(read(name) for name in names))
    return tuple(_managed(key) for key in found if key is not None and not why_unsupported(key))


async def _soft_delete(api: TransitApi, key_id: str, deadline: Deadline) -> None:
    try:
        await api.soft_delete_key(key_id, deadline)
    except KeyManagerError as error:
        if error.failure is not KeyManagerFailure.UNSUPPORTED:
            raise
        raise NotDoneError(
            f"this server cannot disable {key_id}: soft-deletion is OpenBao's; withdraw the key by taking its encrypt "
            "and decrypt paths out of the policy"
        ) from error


async def _get(api: TransitApi, key_id: str, deadline: Deadline) -> ManagedKey:
    key = await _find(api, key_id, deadline)
    if key is None:
        raise NotDoneError(f"Transit has no key {key_id!r}; see its keys, or create it")
    reason = why_unsupported(key)
    if reason:
        raise NotDoneError(reason)
    return _managed(key)


async def _find(api: TransitApi, key_id: str, deadline: Deadline) -> KeyProperties | None:
    try:
        return await api.read_key(key_id, deadline)
    except KeyManagerError as error:
        if error.failure is not KeyManagerFailure.KEY_NOT_FOUND:
            raise
        return None


def _managed(key: KeyProperties) -> ManagedKey:
    return ManagedKey(
        key_id=key.name,
        usages=frozenset(KeyUsage),
        is_enabled=not key.soft_deleted,
        active_version=key.latest_version,
        version_count=len(key.keys),
        created_at=float(min((at for at in key.keys.values() if isinstance(at, int)), default=0)),
    )


def _taken(key_id: str) -> NotDoneError:
    return NotDoneError(f"key {key_id} exists already; choose another name, or rotate it to get new material")
