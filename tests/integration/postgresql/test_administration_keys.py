"""The same tests, on PostgreSQL."""

from tests.unit.administration.test_keys import *  # noqa: F403
