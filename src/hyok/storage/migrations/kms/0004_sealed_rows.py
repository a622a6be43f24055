"""Add the seals over whole rows; the service gives the rows that are there theirs when it starts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "kms_0004"
down_revision = "kms_0003"


def upgrade() -> None:
    for table in ("custom_key_stores", "keys", "backing_keys", "aliases", "grants"):
        op.add_column(table, sa.Column("sealed_row", sa.LargeBinary(), nullable=True))
