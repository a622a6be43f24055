"""The fixtures that tests of this package share with those of the storage."""

from tests.unit.storage.fixtures import clock, holder_storage, holder_url, safe

__all__ = ["clock", "holder_storage", "holder_url", "safe"]
