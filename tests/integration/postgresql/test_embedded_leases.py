"""The same tests, on PostgreSQL."""

from tests.unit.keymanagers.embedded.test_leases import *  # noqa: F403
