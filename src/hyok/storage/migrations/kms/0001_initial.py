"""Create the first tables of the KMS service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "kms_0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "changes",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_changes")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "custom_key_stores",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("connectivity", sa.Text(), nullable=False),
        sa.Column("uri_endpoint", sa.Text(), nullable=False),
        sa.Column("uri_path", sa.Text(), nullable=False),
        sa.Column("access_key_id", sa.Text(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("credential_set_at", sa.Double(), nullable=False),
        sa.Column("vpc_service_name", sa.Text(), nullable=True),
        sa.Column("vpc_service_owner", sa.Text(), nullable=True),
        sa.Column("connection_state", sa.Text(), nullable=False),
        sa.Column("connection_error_code", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custom_key_stores")),
        sa.UniqueConstraint("account", "region", "name", name=op.f("uq_custom_key_stores_account_region_name")),
    )
    op.create_table(
        "storage_identity",
        sa.Column("store_id", sa.Text(), nullable=False),
        sa.Column("root_key_id", sa.Text(), nullable=False),
        sa.Column("wrapped_kek", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_storage_identity")),
    )
    op.create_table(
        "keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("custom_key_store_id", sa.Text(), nullable=True),
        sa.Column("xks_key_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("deletion_at", sa.Double(), nullable=True),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("current_backing_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["custom_key_store_id"], ["custom_key_stores.id"], name=op.f("fk_keys_custom_key_store_id")
        ),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_keys")),
        sa.UniqueConstraint("arn", name=op.f("uq_keys_arn")),
        sa.UniqueConstraint("custom_key_store_id", "xks_key_id", name=op.f("uq_keys_custom_key_store_id_xks_key_id")),
    )
    op.create_table(
        "aliases",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("target_key_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["target_key_id"], ["keys.key_id"], name=op.f("fk_aliases_target_key_id")),
        sa.PrimaryKeyConstraint("account", "region", "name", name=op.f("pk_aliases")),
    )
    op.create_index(op.f("ix_aliases_target_key_id"), "aliases", ["target_key_id"], unique=False)
    op.create_table(
        "backing_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed_material", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["keys.key_id"], name=op.f("fk_backing_keys_key_id")),
        sa.PrimaryKeyConstraint("key_id", "number", name=op.f("pk_backing_keys")),
    )
