"""Create the first tables of the key holder."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "holder_0001"
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
        "embedded_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("usages", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("active_version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_embedded_keys")),
    )
    op.create_table(
        "key_stores",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path_prefix", sa.Text(), nullable=False),
        sa.Column("regions", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("quota", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_key_stores")),
        sa.UniqueConstraint("path_prefix", name=op.f("uq_key_stores_path_prefix")),
    )
    op.create_table(
        "storage_identity",
        sa.Column("store_id", sa.Text(), nullable=False),
        sa.Column("root_key_id", sa.Text(), nullable=False),
        sa.Column("wrapped_kek", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_storage_identity")),
    )
    op.create_table(
        "credentials",
        sa.Column("access_key_id", sa.Text(), nullable=False),
        sa.Column("key_store", sa.Text(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("retired_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["key_store"], ["key_stores.name"], name=op.f("fk_credentials_key_store")),
        sa.PrimaryKeyConstraint("access_key_id", name=op.f("pk_credentials")),
    )
    op.create_index(op.f("ix_credentials_key_store"), "credentials", ["key_store"], unique=False)
    op.create_table(
        "embedded_key_versions",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed_material", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["embedded_keys.key_id"], name=op.f("fk_embedded_key_versions_key_id")),
        sa.PrimaryKeyConstraint("key_id", "number", name=op.f("pk_embedded_key_versions")),
    )
    op.create_table(
        "external_keys",
        sa.Column("key_store", sa.Text(), nullable=False),
        sa.Column("external_key_id", sa.Text(), nullable=False),
        sa.Column("key_manager", sa.Text(), nullable=False),
        sa.Column("manager_key_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["key_store"], ["key_stores.name"], name=op.f("fk_external_keys_key_store")),
        sa.PrimaryKeyConstraint("key_store", "external_key_id", name=op.f("pk_external_keys")),
    )
