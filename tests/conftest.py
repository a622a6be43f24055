"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# The same examples each time; a slow machine is no failure.
settings.register_profile("hyok", deadline=None, derandomize=True, print_blob=False)
settings.load_profile("hyok")
