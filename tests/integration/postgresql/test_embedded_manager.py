"""The same tests, on PostgreSQL."""

from tests.unit.keymanagers.embedded.test_manager import *  # noqa: F403  # all tests of that module, whichever there are
