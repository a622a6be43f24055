"""Add what key stores read of the proxies before them, and the copies of external keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "holder_0004"
down_revision = "holder_0003"


def upgrade() -> None:
    op.add_column("key_stores", sa.Column("predecessors", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "external_key_copies",
        sa.Column("key_store", sa.Text(), nullable=False),
        sa.Column("external_key_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key_manager", sa.Text(), nullable=False),
        sa.Column("manager_key_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_store", "external_key_id"],
            ["external_keys.key_store", "external_keys.external_key_id"],
            name=op.f("fk_external_key_copies_key_store_external_key_id"),
        ),
        sa.PrimaryKeyConstraint("key_store", "external_key_id", "number", name=op.f("pk_external_key_copies")),
    )
