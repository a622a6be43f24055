"""The accounts and services for which keys decrypt, as the watch over decryptions has learnt or was told."""

from __future__ import annotations

from hyok.administration.external_keys import show_external_key
from hyok.administration.keystores import show_key_store
from hyok.clock import Clock
from hyok.proxy.authorization.decrypt_watch import KnownCaller
from hyok.proxy.authorization.stored_watch import read_known_callers, write_known_caller
from hyok.storage.changes import ChangeKind, record_change
from hyok.storage.engine import Storage


def list_callers(storage: Storage, *, key_store: str | None = None) -> tuple[KnownCaller, ...]:
    """Return for whom the keys of one key store, or of all, have decrypted. NotDoneError if there is no such one."""
    if key_store is not None:
        show_key_store(storage, key_store)
    with storage.reading() as connection:
        return read_known_callers(connection, key_store)


def allow_caller(storage: Storage, clock: Clock, caller: KnownCaller) -> None:
    """Let a key decrypt for an account or a service that is new to it. NotDoneError if there is no such key."""
    show_external_key(storage, key_store=caller.key_store, external_key_id=caller.external_key_id)
    with storage.transaction() as connection:
        write_known_caller(connection, caller, now=clock.now())
        record_change(
            connection,
            ChangeKind.EXTERNAL_KEY,
            f"{caller.key_store}/{caller.external_key_id}",
            at=clock.now(),
            act="allow a caller of",
            details={"caller": caller.caller},
        )
