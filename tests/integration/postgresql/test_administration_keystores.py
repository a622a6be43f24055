"""The same tests, on PostgreSQL."""

from tests.unit.administration.test_keystores import *  # noqa: F403
