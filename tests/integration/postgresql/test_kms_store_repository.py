"""The same tests, on PostgreSQL."""

from tests.unit.kms.test_store_repository import *  # noqa: F403
