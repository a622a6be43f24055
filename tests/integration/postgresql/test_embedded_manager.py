"""The same tests, on PostgreSQL."""

from tests.unit.keymanagers.embedded.test_manager import *  # noqa: F403
