"""External keys that serve one KMS key: the first that used them. Any other is refused, whoever asks.

Which one is first, the storage decides by one conditional write, off the loop and within the request's deadline; a
server that cannot write refuses. From then on it is remembered, and learnt by the other servers from the change log.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select, update

from hyok.clock import Clock
from hyok.errors import HyokError
from hyok.storage.changes import ChangeKind, record_change
from hyok.storage.engine import Storage
from hyok.storage.schema import first_use_bindings
from hyok.xks.errors import XksError, XksErrorName

FIRST_USE: Final = "first-use"
"""What records call the policy that decides here, and the flag of the request that was the first."""


class Binding:
    """What an external key is bound to, as one process knows it."""

    __slots__ = ("kms_key_arn",)

    def __init__(self, kms_key_arn: str = "") -> None:
        self.kms_key_arn = kms_key_arn
        """Empty as long as no use is known."""


class FirstUseBindings:
    """Binds external keys in the storage."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._now = clock.now

    async def bind(self, key_store: str, external_key_id: str, kms_key_arn: str) -> str:
        """Bind a key that is not bound yet, and return what it is bound to: perhaps another, which came before.

        Empty if it is to be bound no more. XksError INTERNAL if the storage fails.
        """
        try:
            return await self._storage.run(
                lambda connection: bind_first_use(connection, key_store, external_key_id, kms_key_arn, now=self._now())
            )
        except HyokError as error:
            raise XksError(XksErrorName.INTERNAL, "the first use of this key cannot be written down") from error


def bind_first_use(
    connection: Connection, key_store: str, external_key_id: str, kms_key_arn: str, *, now: float
) -> str:
    """Bind a key if it waits to be, and return what it is bound to; empty if it is not to be bound."""
    table = first_use_bindings.c
    here = (table.key_store == key_store, table.external_key_id == external_key_id)
    written = connection.execute(
        update(first_use_bindings)
        .where(*here, table.kms_key_arn.is_(None))
        .values(kms_key_arn=kms_key_arn, bound_at=now)
    ).rowcount
    if written:
        record_change(
            connection,
            ChangeKind.EXTERNAL_KEY,
            f"{key_store}/{external_key_id}",
            at=now,
            act="bind",
            details={"kms_key_arn": kms_key_arn},
        )
        return kms_key_arn
    return connection.scalar(select(table.kms_key_arn).where(*here)) or ""
