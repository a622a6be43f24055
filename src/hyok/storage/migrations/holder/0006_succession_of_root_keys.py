"""Add the succession of root keys: two are accepted while a storage passes from one to the next."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "holder_0006"
down_revision = "holder_0005"


def upgrade() -> None:
    op.create_table(
        "storage_succession",
        sa.Column("root_key_id", sa.Text(), nullable=False),
        sa.Column("wrapped_kek", sa.LargeBinary(), nullable=False),
        sa.Column("kek_under_predecessor", sa.LargeBinary(), nullable=False),
        sa.Column("predecessor_under_kek", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("root_key_id", name=op.f("pk_storage_succession")),
    )
