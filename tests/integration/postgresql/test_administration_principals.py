"""The same tests, on PostgreSQL."""

from tests.unit.administration.test_principals import *  # noqa: F403  # all tests of that module, whichever there are
