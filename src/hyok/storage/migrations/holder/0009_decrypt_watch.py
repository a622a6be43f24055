"""Add what the watch over decryptions learns: usual rates, and for whom each key has decrypted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "holder_0009"
down_revision = "holder_0008"


def upgrade() -> None:
    op.create_table(
        "decrypt_baselines",
        sa.Column("key_store", sa.Text(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("per_minute", sa.Double(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key_store", "principal", name=op.f("pk_decrypt_baselines")),
    )
    op.create_table(
        "decrypt_callers",
        sa.Column("key_store", sa.Text(), nullable=False),
        sa.Column("external_key_id", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("first_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key_store", "external_key_id", "caller", name=op.f("pk_decrypt_callers")),
    )
