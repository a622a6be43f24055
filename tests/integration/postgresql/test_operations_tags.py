"""The same tests, on PostgreSQL."""

from tests.unit.kms.operations.test_tags import *  # noqa: F403
