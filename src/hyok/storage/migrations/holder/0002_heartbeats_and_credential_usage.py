"""Add signs of life of proxies, and when and how often credentials were used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "holder_0002"
down_revision = "holder_0001"


def upgrade() -> None:
    op.add_column("credentials", sa.Column("last_used_at", sa.Double(), nullable=True))
    count = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("credentials", sa.Column("use_count", count, server_default="0", nullable=False))
    op.create_table(
        "proxy_heartbeats",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("instance", name=op.f("pk_proxy_heartbeats")),
    )
