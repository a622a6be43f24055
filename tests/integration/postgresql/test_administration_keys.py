"""The same tests, on PostgreSQL."""

from tests.unit.administration.test_keys import *  # noqa: F403  # all tests of that module, whichever there are
