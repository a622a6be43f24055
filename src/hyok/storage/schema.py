"""All tables of both sides of the trust line: two separate databases that share no row.

Instants are Unix seconds. What is sealed is opened by `hyok.custody`, under the context that its reader names.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)


class Side(Enum):
    """Whose database it is: whoever held both in one file could undo double encryption."""

    HOLDER = "holder"
    """The customer's: key stores, credentials, external keys."""
    KMS = "kms"
    """The KMS service's: custom key stores, KMS keys, backing keys."""

    @property
    def metadata(self) -> MetaData:
        """The tables of this side."""
        match self:
            case Side.HOLDER:
                return holder
            case Side.KMS:
                return kms


HEADS: Final[Mapping[Side, str]] = {Side.HOLDER: "holder_0010", Side.KMS: "kms_0004"}
"""The newest migration of each side, so that a database that has it needs no look at the migrations."""

_COUNT: Final = BigInteger().with_variant(Integer, "sqlite")
"""Goes on to 2^63. SQLite's INTEGER does so by itself, and gives out row numbers under that name only."""

_NAMES: Final = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
holder: Final = MetaData(naming_convention=_NAMES)
kms: Final = MetaData(naming_convention=_NAMES)


def _define_common_tables(metadata: MetaData) -> None:
    Table(
        "storage_identity",
        metadata,
        Column("store_id", Text, primary_key=True),
        Column("root_key_id", Text, nullable=False),
        Column("wrapped_kek", LargeBinary, nullable=False),
    )
    Table(
        "storage_succession",
        metadata,
        Column("root_key_id", Text, primary_key=True),
        Column("wrapped_kek", LargeBinary, nullable=False),
        Column("kek_under_predecessor", LargeBinary, nullable=False),
        Column("predecessor_under_kek", LargeBinary, nullable=False),
    )
    Table(
        "changes",
        metadata,
        Column("position", _COUNT, primary_key=True, autoincrement=True),
        Column("kind", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("at", Double, nullable=False),
        sqlite_autoincrement=True,
    )


_define_common_tables(holder)
_define_common_tables(kms)

# The holder's side

key_stores: Final = Table(
    "key_stores",
    holder,
    Column("name", Text, primary_key=True),
    Column("path_prefix", Text, nullable=False, unique=True),
    Column("regions", JSON(none_as_null=True), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("quota", Integer),
    Column("predecessors", JSON(none_as_null=True)),
)

credentials: Final = Table(
    "credentials",
    holder,
    Column("access_key_id", Text, primary_key=True),
    Column("key_store", Text, ForeignKey("key_stores.name"), nullable=False, index=True),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("retired_at", Double),
    Column("last_used_at", Double),
    Column("use_count", _COUNT, nullable=False, server_default="0"),
)

server_leases: Final = Table(
    "server_leases",
    holder,
    Column("server", Text, primary_key=True),
    Column("instance", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("stale_after_seconds", Double, nullable=False),
    Column("at", Double, nullable=False),
)
"""The worker processes that serve, and up to which position of the change log each has taken in what changed."""

administrative_records: Final = Table(
    "administrative_records",
    holder,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("ruling", Integer, unique=True),
    Column("body", Text, nullable=False),
    Column("signature", Text),
    Column("hash", LargeBinary, nullable=False),
    Column("sealed_mark", LargeBinary),
)
"""What operators changed, each record chained to the one before. Those that servers obey are numbered as rulings."""

external_keys: Final = Table(
    "external_keys",
    holder,
    Column("key_store", Text, ForeignKey("key_stores.name"), primary_key=True),
    Column("external_key_id", Text, primary_key=True),
    Column("key_manager", Text, nullable=False),
    Column("manager_key_id", Text, nullable=False),
    Column("created_at", Double, nullable=False),
)

external_key_copies: Final = Table(
    "external_key_copies",
    holder,
    Column("key_store", Text, primary_key=True),
    Column("external_key_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, nullable=False),
    Column("key_manager", Text, nullable=False),
    Column("manager_key_id", Text, nullable=False),
    ForeignKeyConstraint(
        ["key_store", "external_key_id"], ["external_keys.key_store", "external_keys.external_key_id"]
    ),
)
"""Further copies of external keys, numbered from 2; the first stands in `external_keys`, at position 0."""

proxy_policies: Final = Table(
    "proxy_policies",
    holder,
    Column("key_store", Text, ForeignKey("key_stores.name"), primary_key=True),
    Column("external_key_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("mode", Text, primary_key=True),
    Column("sealed_document", LargeBinary, nullable=False),
    Column("set_at", Double, nullable=False),
)
"""Secondary authorization. `external_key_id` is empty for a policy of the whole key store."""

first_use_bindings: Final = Table(
    "first_use_bindings",
    holder,
    Column("key_store", Text, primary_key=True),
    Column("external_key_id", Text, primary_key=True),
    Column("kms_key_arn", Text),
    Column("bound_at", Double),
    ForeignKeyConstraint(
        ["key_store", "external_key_id"], ["external_keys.key_store", "external_keys.external_key_id"]
    ),
)
"""The external keys that one KMS key may use: the first that did, null until then."""

decrypt_baselines: Final = Table(
    "decrypt_baselines",
    holder,
    Column("key_store", Text, primary_key=True),
    Column("principal", Text, primary_key=True),
    Column("per_minute", Double, nullable=False),
    Column("minutes", Integer, nullable=False),
)
"""What each principal uses to decrypt in a minute, and how many minutes that was learnt from."""

decrypt_callers: Final = Table(
    "decrypt_callers",
    holder,
    Column("key_store", Text, primary_key=True),
    Column("external_key_id", Text, primary_key=True),
    Column("caller", Text, primary_key=True),
    Column("first_at", Double, nullable=False),
)
"""The accounts and services for which each external key has decrypted."""

audit_keys: Final = Table(
    "audit_keys",
    holder,
    Column("public_key", LargeBinary, primary_key=True),
    Column("sealed_private_key", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
)
"""What signs the audit trail's checkpoints, Ed25519; the newest signs."""

embedded_keys: Final = Table(
    "embedded_keys",
    holder,
    Column("key_id", Text, primary_key=True),
    Column("usages", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("active_version", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("deletion_at", Double),
)
Index(
    None,
    embedded_keys.c.deletion_at,
    sqlite_where=embedded_keys.c.deletion_at.is_not(None),
    postgresql_where=embedded_keys.c.deletion_at.is_not(None),
)

embedded_key_versions: Final = Table(
    "embedded_key_versions",
    holder,
    Column("key_id", Text, ForeignKey("embedded_keys.key_id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("sealed_material", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("encryptions_leased", BigInteger, nullable=False, server_default="0"),
)

# The KMS service's side. `sealed_row` is a seal over the rest of its row, null only in storages from before it.

custom_key_stores: Final = Table(
    "custom_key_stores",
    kms,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("connectivity", Text, nullable=False),
    Column("uri_endpoint", Text, nullable=False),
    Column("uri_path", Text, nullable=False),
    Column("access_key_id", Text, nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("credential_set_at", Double, nullable=False),
    Column("vpc_service_name", Text),
    Column("vpc_service_owner", Text),
    Column("connection_state", Text, nullable=False),
    Column("connection_error_code", Text),
    Column("created_at", Double, nullable=False),
    Column("sealed_row", LargeBinary),
    UniqueConstraint("account", "region", "name"),
)

keys: Final = Table(
    "keys",
    kms,
    Column("key_id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("arn", Text, nullable=False, unique=True),
    Column("description", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("custom_key_store_id", Text, ForeignKey("custom_key_stores.id")),
    Column("xks_key_id", Text),
    Column("created_at", Double, nullable=False),
    Column("deletion_at", Double),
    Column("policy", Text),
    Column("tags", JSON(none_as_null=True)),
    Column("current_backing_number", Integer, nullable=False),
    Column("rotation_period_days", Integer),
    Column("next_rotation_at", Double),
    Column("sealed_row", LargeBinary),
    UniqueConstraint("custom_key_store_id", "xks_key_id"),
)

backing_keys: Final = Table(
    "backing_keys",
    kms,
    Column("key_id", Text, ForeignKey("keys.key_id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("sealed_material", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("rotation_type", Text),
    Column("sealed_row", LargeBinary),
)

aliases: Final = Table(
    "aliases",
    kms,
    Column("account", Text, primary_key=True),
    Column("region", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("target_key_id", Text, ForeignKey("keys.key_id"), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("sealed_row", LargeBinary),
    Index(None, "target_key_id"),
)

grants: Final = Table(
    "grants",
    kms,
    Column("grant_id", Text, primary_key=True),
    Column("key_id", Text, ForeignKey("keys.key_id"), nullable=False, index=True),
    Column("name", Text),
    Column("grantee_principal", Text),
    Column("grantee_service_principal", Text),
    Column("retiring_principal", Text),
    Column("retiring_service_principal", Text),
    Column("issuing_account", Text, nullable=False),
    Column("operations", JSON(none_as_null=True), nullable=False),
    Column("constraints", JSON(none_as_null=True), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("sealed_row", LargeBinary),
)

principals: Final = Table(
    "principals",
    kms,
    Column("access_key_id", Text, primary_key=True),
    Column("arn", Text, nullable=False, unique=True),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("policies", JSON(none_as_null=True), nullable=False),
    Column("tags", JSON(none_as_null=True), nullable=False),
    Column("created_at", Double, nullable=False),
)
