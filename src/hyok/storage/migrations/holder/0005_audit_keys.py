"""Add the keys that sign the audit trail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "holder_0005"
down_revision = "holder_0004"


def upgrade() -> None:
    op.create_table(
        "audit_keys",
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_private_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("public_key", name=op.f("pk_audit_keys")),
    )
