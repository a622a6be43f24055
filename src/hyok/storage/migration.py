"""Bring a database to this program's schema, or say why it is not this program's database."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from hyok.errors import OperatorError
from hyok.storage.schema import HEADS, Side

_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def is_current(connection: Connection, side: Side, *, location: str) -> bool:
    """Tell whether the database has the newest schema of `side`; only reads.

    OperatorError if it belongs to the other side, to a newer hyok, or to another program.
    """
    tables = set(inspect(connection).get_table_names())
    if not tables:
        return False
    version = (
        connection.scalar(text("SELECT version_num FROM alembic_version")) if "alembic_version" in tables else None
    )
    if version is None:
        raise OperatorError(
            f"{location} is a database of another program (it has {len(tables)} tables and no hyok schema version); "
            "name one of hyok's own, or one that does not exist yet or is empty"
        )
    _check_side(str(version), side, location=location)
    return str(version) == HEADS[side]


def migrate(connection: Connection, side: Side) -> None:
    """Run what is missing of the side's migrations inside the caller's write transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("version_locations", str(_MIGRATIONS / side.value))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _check_side(version: str, side: Side, *, location: str) -> None:
    owner, _, number = version.rpartition("_")
    if owner != side.value:
        raise OperatorError(
            f"{location} is the storage of the {_OWNERS.get(owner, f'unknown side {owner!r}')}, not of the "
            f"{_OWNERS[side.value]}; the two sides of the trust line never share a storage: give each a file of its own"
        )
    if number > HEADS[side].rpartition("_")[2]:
        raise OperatorError(
            f"{location} has schema {version}, newer than {HEADS[side]} that this hyok knows; run the newer hyok, "
            "or restore a backup made before the upgrade"
        )


_OWNERS: Final[Mapping[str, str]] = {
    Side.HOLDER.value: "key holder (proxy and key manager)",
    Side.KMS.value: "KMS service",
}
