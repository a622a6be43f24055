"""Drop the state of key stores: freezes have taken its place.

No command has ever written another state than `active`. What somebody wrote there by hand must not serve again by an
upgrade, and only a process with the root key can seal a freeze: so such a storage is left as it is, and refused.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hyok.errors import OperatorError

revision = "holder_0010"
down_revision = "holder_0009"


def upgrade() -> None:
    found = op.get_bind().execute(sa.text("SELECT name, state FROM key_stores WHERE state <> 'active' ORDER BY name"))
    if others := [f"{name} ({state})" for name, state in found]:
        raise OperatorError(
            f"the storage has key stores whose state, written by hand, is not active: {', '.join(others)}. This hyok "
            "would let them serve. With the hyok that wrote this storage, freeze each with `hyok freeze --keystore "
            "NAME`; then write 'active' into the column state of the table key_stores, and start this one again"
        )
    op.drop_column("key_stores", "state")
