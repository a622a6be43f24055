"""The same tests, on PostgreSQL."""

from tests.unit.storage.test_engine import *  # noqa: F403
