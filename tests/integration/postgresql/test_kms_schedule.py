"""The same tests, on PostgreSQL."""

from tests.unit.kms.test_schedule import *  # noqa: F403
