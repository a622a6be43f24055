"""Give out encryptions in blocks, in the storage: what was given out counts as done, so that a crash over-counts.

One version may encrypt 2^32 times (`MAXIMUM_ENCRYPTIONS`). The count is bound to the version's material: nobody can set
it back without making the version unreadable. Long before the end the key is rotated, in the same transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, select, update

from hyok.clock import Clock
from hyok.custody.errors import IntegrityError
from hyok.custody.safe import Safe
from hyok.keymanagers.embedded.material import (
    MAXIMUM_ENCRYPTIONS,
    KeyRow,
    KeyState,
    VersionPlace,
    open_material,
    seal_material,
)
from hyok.keymanagers.embedded.stored_keys import StoredKey, find_key, rotate
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyVersion
from hyok.storage.schema import embedded_key_versions, embedded_keys

BLOCK: Final = 2**18
"""Encryptions given out at a time: one write in a minute for a key that encrypts 4,000 times a second, and one 16,384th
of the maximum lost with each process that ends."""
ROTATE_AFTER: Final = 2**31
"""Half of what is allowed, so that the alarm and the operator have the other half."""

_log = logging.getLogger(__name__)


class Granted(NamedTuple):
    """A block that one process may use up."""

    encryptions: int
    given_out: int
    """How many the version has given out in all, this block included."""


class Leasing(NamedTuple):
    """The terms on which one storage gives out encryptions."""

    safe: Safe
    clock: Clock
    rotate_after: int = ROTATE_AFTER
    block: int = BLOCK

    def grant(
        self, connection: Connection, versions: Sequence[KeyVersion]
    ) -> Mapping[KeyVersion, Granted | KeyManagerError]:
        """Give out a block for each version, in the caller's write transaction; one that fails keeps no other."""
        return {version: self._grant_or_refuse(connection, version) for version in versions}

    def most_used(self, connection: Connection, *, at_most: int) -> Sequence[KeyVersion]:
        """Return the versions that encrypt now, those first that have given out most."""
        versions, keys = embedded_key_versions.c, embedded_keys.c
        query = (
            select(versions.key_id, versions.number)
            .join(embedded_keys, (keys.key_id == versions.key_id) & (keys.active_version == versions.number))
            .where(keys.state == KeyState.ENABLED.value)
            .order_by(versions.encryptions_leased.desc())
            .limit(at_most)
        )
        return [KeyVersion(row.key_id, row.number) for row in connection.execute(query)]

    def _grant_or_refuse(self, connection: Connection, version: KeyVersion) -> Granted | KeyManagerError:
        try:
            return self._grant(connection, version)
        except KeyManagerError as error:
            return error
        except IntegrityError as error:
            return KeyManagerError(KeyManagerFailure.UNAVAILABLE, str(error))

    def _grant(self, connection: Connection, version: KeyVersion) -> Granted:
        key = find_key(connection, version.key_id)
        if key is None or key.row.state is KeyState.DESTROYED:
            raise KeyManagerError(KeyManagerFailure.KEY_NOT_FOUND, version.key_id)
        if key.row.state is not KeyState.ENABLED:
            raise KeyManagerError(KeyManagerFailure.KEY_DISABLED, version.key_id)
        given_out = self._count_block(connection, key.row, version)
        if version.number == key.row.active_version and given_out >= self.rotate_after:
            self._rotate(connection, key, given_out)
        return Granted(self.block, given_out)

    def _count_block(self, connection: Connection, row: KeyRow, version: KeyVersion) -> int:
        columns = embedded_key_versions.c
        of_version = (columns.key_id == version.key_id) & (columns.number == version.number)
        found = connection.execute(
            select(columns.encryptions_leased, columns.sealed_material).where(of_version)
        ).one_or_none()
        if found is None:
            raise KeyManagerError(
                KeyManagerFailure.UNAVAILABLE, f"key {version.key_id} has no version {version.number}"
            )
        place = VersionPlace(version.number, found.encryptions_leased)
        material = open_material(self.safe, found.sealed_material, row=row, place=place)
        given_out = place.encryptions_leased + self.block
        if given_out > MAXIMUM_ENCRYPTIONS:
            raise KeyManagerError(
                KeyManagerFailure.UNAVAILABLE,
                f"version {version.number} of key {version.key_id} has encrypted as often as it may; rotate the key",
            )
        place = place._replace(encryptions_leased=given_out)
        connection.execute(
            update(embedded_key_versions)
            .where(of_version)
            .values(
                encryptions_leased=given_out,
                sealed_material=seal_material(self.safe, material, row=row, place=place),
            )
        )
        return given_out

    def _rotate(self, connection: Connection, key: StoredKey, given_out: int) -> None:
        try:
            rotated = rotate(connection, self.safe, key, now=self.clock.now())
        except IntegrityError as error:
            _log.error("key %s must be rotated and cannot be: %s", key.row.key_id, error)
            return
        _log.warning(
            "key %s is rotated: version %d has given out %d encryptions, version %d encrypts from now on",
            key.row.key_id,
            key.row.active_version,
            given_out,
            rotated.row.active_version,
        )
