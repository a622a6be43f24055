"""The same tests, on PostgreSQL."""

from tests.unit.kms.test_keys import *  # noqa: F403
