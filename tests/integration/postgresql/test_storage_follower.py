"""The same tests, on PostgreSQL."""

from tests.unit.storage.test_follower import *  # noqa: F403
