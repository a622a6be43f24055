"""The same tests, on PostgreSQL."""

from tests.unit.keymanagers.embedded.test_leases import *  # noqa: F403  # all tests of that module, whichever there are
