"""Add administrative records, and the leases of servers, which take the place of heartbeats."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "holder_0008"
down_revision = "holder_0007"


def upgrade() -> None:
    op.create_table(
        "administrative_records",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ruling", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_mark", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_administrative_records")),
        sa.UniqueConstraint("ruling", name=op.f("uq_administrative_records_ruling")),
    )
    op.create_table(
        "server_leases",
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("stale_after_seconds", sa.Double(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("server", name=op.f("pk_server_leases")),
    )
    op.drop_table("proxy_heartbeats")
