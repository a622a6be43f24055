"""GetKeyMetadata."""

from __future__ import annotations

from typing import Any

import pytest

from hyok.clock import Deadline
from hyok.keymanagers.interface import KeyDescription, KeyUsage
from tests.unit.proxy.managers import WatchedManager
from tests.unit.proxy.stage import (
    DECRYPT_ONLY_KEY,
    DISABLED_KEY,
    ENCRYPT_ONLY_KEY,
    KEY,
    MANAGER,
    Stage,
    content_of,
    metadata,
    metadata_request,
)


@pytest.mark.parametrize(
    ("key_id", "expected"),
    [
        (KEY, {"keySpec": "AES_256", "keyUsage": ["DECRYPT", "ENCRYPT"], "keyStatus": "ENABLED"}),
        (DISABLED_KEY, {"keySpec": "AES_256", "keyUsage": ["DECRYPT", "ENCRYPT"], "keyStatus": "DISABLED"}),
        (ENCRYPT_ONLY_KEY, {"keySpec": "AES_256", "keyUsage": ["ENCRYPT"], "keyStatus": "ENABLED"}),
        (DECRYPT_ONLY_KEY, {"keySpec": "AES_256", "keyUsage": ["DECRYPT"], "keyStatus": "ENABLED"}),
    ],
)
def test_a_key_is_described_whatever_its_state_and_usage(stage: Stage, key_id: str, expected: dict[str, Any]) -> None:
    assert content_of(stage.ask(metadata_request(key_id=key_id))) == expected


def test_a_key_of_another_kind_is_described_too(stage: Stage) -> None:
    class OtherKind(WatchedManager):
        async def describe_key(self, key_id: str, deadline: Deadline) -> KeyDescription:
            return KeyDescription("RSA_2048", frozenset({KeyUsage.DECRYPT}), is_enabled=True)

    stage.managers[MANAGER] = OtherKind(stage.managers[MANAGER])

    assert content_of(stage.ask(metadata_request()))["keySpec"] == "RSA_2048"


def test_the_kms_key_arn_is_optional(stage: Stage) -> None:
    asked = {name: value for name, value in metadata().items() if name != "kmsKeyArn"}

    assert stage.ask(metadata_request(requestMetadata=asked)).status == 200
