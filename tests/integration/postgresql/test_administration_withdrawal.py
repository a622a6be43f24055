"""The same tests, on PostgreSQL."""

from tests.unit.administration.test_withdrawal import *  # noqa: F403
