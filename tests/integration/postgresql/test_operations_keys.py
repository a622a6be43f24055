"""The same tests, on PostgreSQL."""

from tests.unit.kms.operations.test_keys import *  # noqa: F403
