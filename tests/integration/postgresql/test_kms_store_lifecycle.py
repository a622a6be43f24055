"""The same tests, on PostgreSQL."""

from tests.unit.kms.test_store_lifecycle import *  # noqa: F403
