"""The same tests, on PostgreSQL."""

from tests.unit.administration.test_credentials import *  # noqa: F403
