"""The same tests, on PostgreSQL."""

from tests.unit.storage.test_engine import *  # noqa: F403  # all tests of that module, whichever there are
