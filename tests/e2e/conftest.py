from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.e2e.processes import Deployment, await_connected, deployment


class Protected(NamedTuple):
    """A deployment with a connected store and a KMS key on the external key."""

    deployment: Deployment
    kms: Any
    store_id: str
    key_id: str
    key_arn: str


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    directory: Path = tmp_path_factory.mktemp("deployment")
    with deployment(directory) as deployed:
        yield deployed


@pytest.fixture(scope="session")
def protected(running: Deployment) -> Protected:
    kms = running.client()
    store_id = kms.create_custom_key_store(**running.store_parameters("main"))["CustomKeyStoreId"]
    await_connected(kms, store_id)
    metadata = kms.create_key(Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=store_id, XksKeyId=running.external_key_id)[
        "KeyMetadata"
    ]
    kms.create_alias(AliasName="alias/protected", TargetKeyId=metadata["KeyId"])
    return Protected(running, kms, store_id, metadata["KeyId"], metadata["Arn"])
