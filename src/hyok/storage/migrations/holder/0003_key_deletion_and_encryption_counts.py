"""Add when an embedded key is to be destroyed, and how many encryptions each of its versions has given out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "holder_0003"
down_revision = "holder_0002"


def upgrade() -> None:
    op.add_column("embedded_keys", sa.Column("deletion_at", sa.Double(), nullable=True))
    op.create_index(
        op.f("ix_embedded_keys_deletion_at"),
        "embedded_keys",
        ["deletion_at"],
        sqlite_where=sa.text("deletion_at IS NOT NULL"),
        postgresql_where=sa.text("deletion_at IS NOT NULL"),
    )
    op.add_column(
        "embedded_key_versions",
        sa.Column("encryptions_leased", sa.BigInteger(), server_default="0", nullable=False),
    )
