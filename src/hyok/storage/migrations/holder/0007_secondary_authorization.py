"""Add the policies of secondary authorization, and which KMS key an external key is bound to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "holder_0007"
down_revision = "holder_0006"


def upgrade() -> None:
    op.create_table(
        "proxy_policies",
        sa.Column("key_store", sa.Text(), nullable=False),
        sa.Column("external_key_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("sealed_document", sa.LargeBinary(), nullable=False),
        sa.Column("set_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["key_store"], ["key_stores.name"], name=op.f("fk_proxy_policies_key_store")),
        sa.PrimaryKeyConstraint("key_store", "external_key_id", "name", "mode", name=op.f("pk_proxy_policies")),
    )
    op.create_table(
        "first_use_bindings",
        sa.Column("key_store", sa.Text(), nullable=False),
        sa.Column("external_key_id", sa.Text(), nullable=False),
        sa.Column("kms_key_arn", sa.Text(), nullable=True),
        sa.Column("bound_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["key_store", "external_key_id"],
            ["external_keys.key_store", "external_keys.external_key_id"],
            name=op.f("fk_first_use_bindings_key_store_external_key_id"),
        ),
        sa.PrimaryKeyConstraint("key_store", "external_key_id", name=op.f("pk_first_use_bindings")),
    )
