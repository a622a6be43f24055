"""Add grants, the rotation of backing keys, and the principals that may call."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "kms_0002"
down_revision = "kms_0001"


def upgrade() -> None:
    op.add_column("keys", sa.Column("rotation_period_days", sa.Integer(), nullable=True))
    op.add_column("keys", sa.Column("next_rotation_at", sa.Double(), nullable=True))
    op.add_column("backing_keys", sa.Column("rotation_type", sa.Text(), nullable=True))
    op.create_table(
        "grants",
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("grantee_principal", sa.Text(), nullable=True),
        sa.Column("grantee_service_principal", sa.Text(), nullable=True),
        sa.Column("retiring_principal", sa.Text(), nullable=True),
        sa.Column("retiring_service_principal", sa.Text(), nullable=True),
        sa.Column("issuing_account", sa.Text(), nullable=False),
        sa.Column("operations", sa.JSON(), nullable=False),
        sa.Column("constraints", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["keys.key_id"], name=op.f("fk_grants_key_id")),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_grants")),
    )
    op.create_index(op.f("ix_grants_key_id"), "grants", ["key_id"], unique=False)
    op.create_table(
        "principals",
        sa.Column("access_key_id", sa.Text(), nullable=False),
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("policies", sa.JSON(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("access_key_id", name=op.f("pk_principals")),
        sa.UniqueConstraint("arn", name=op.f("uq_principals_arn")),
    )
