"""The same tests, on PostgreSQL."""

from tests.unit.kms.test_stored_principals import *  # noqa: F403
