"""The same tests, on PostgreSQL."""

from tests.unit.kms.test_repository import *  # noqa: F403  # all tests of that module, whichever there are
