"""How much the expensive tests do: what the test command can afford, or the nightly size."""

from __future__ import annotations

import os


def is_nightly() -> bool:
    """Tell whether `scripts/test nightly` runs."""
    return os.environ.get("HYOK_TEST_SIZE") == "nightly"


def size(*, usual: int, nightly: int) -> int:
    """Return the number that fits the run."""
    return nightly if is_nightly() else usual
