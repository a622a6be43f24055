from __future__ import annotations

from collections.abc import Iterator

import pytest

from hyok.administration.external_keys import add_external_key
from hyok.administration.keys import create_key
from hyok.assembly.holder import Holder
from hyok.keymanagers.interface import KeyUsage
from tests.integration.spec.running import RunningProxy, running_proxy


@pytest.fixture(scope="package")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with running_proxy(tmp_path_factory.mktemp("spec") / "holder") as running:
        yield running


def offer_key(holder: Holder, *, key_store: str, external_key_id: str, manager_key_id: str) -> None:
    """Make a key for both usages and let a key store offer it."""
    create_key(holder.key_administrators["software"], manager_key_id, usages=frozenset(KeyUsage))
    add_external_key(
        holder.storage,
        holder.clock,
        key_store=key_store,
        external_key_id=external_key_id,
        key_manager="software",
        manager_key_id=manager_key_id,
    )
