"""The pytest plugin that comes with hyok: take `hyok_dev` as an argument, and a KMS is there for the whole session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hyok.testing.dev_server import DevServer


@pytest.fixture(scope="session")
def hyok_dev_options() -> Sequence[str]:
    """Options for `hyok dev`, such as `("--data", "kept")`. Override it in a conftest.py."""
    return ()


@pytest.fixture(scope="session")
def hyok_dev(hyok_dev_options: Sequence[str]) -> Iterator[DevServer]:
    """A running `hyok dev`: `hyok.testing.dev_server.DevServer`."""
    # Every pytest run on the machine loads this plugin: what it needs comes with its first use.
    from hyok.testing.dev_server import dev_server

    with dev_server(*hyok_dev_options) as server:
        yield server
