from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.kms.running import RunningKms, running_kms


@pytest.fixture
def kms(tmp_path: Path) -> Iterator[RunningKms]:
    """A KMS service with one connected external key store."""
    with running_kms(tmp_path) as running:
        running.add_store()
        yield running
