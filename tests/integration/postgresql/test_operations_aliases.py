"""The same tests, on PostgreSQL."""

from tests.unit.kms.operations.test_aliases import *  # noqa: F403  # all tests of that module, whichever there are
