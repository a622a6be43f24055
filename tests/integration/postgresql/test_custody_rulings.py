"""The same tests, on PostgreSQL."""

from tests.unit.custody.test_rulings import *  # noqa: F403  # all tests of that module, whichever there are
