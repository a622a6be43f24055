"""The same tests, on PostgreSQL."""

from tests.unit.kms.test_two_services import *  # noqa: F403
