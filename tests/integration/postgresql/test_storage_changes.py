"""The same tests, on PostgreSQL."""

from tests.unit.storage.test_changes import *  # noqa: F403
