"""External keys that several key managers have."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hyok.keymanagers.breaker import FAILURES_BEFORE_REST, FIRST_REST_SECONDS
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.proxy.copies import Copies
from hyok.proxy.keystores import ExternalKey, ExternalKeys
from tests.unit.keymanagers.cluster.faulty import Fault, FaultyKeyManager
from tests.unit.proxy.stage import (
    BETA_KEY,
    DISABLED_KEY,
    KEY,
    ROTATED_KEY,
    UNOFFERED_KEY,
    Stage,
    content_of,
    decrypt_request,
    encrypt_request,
    error_of,
    from_base64,
    metadata_request,
)

FORMAT_1 = b"\x01\x00\x00\x00\x01"
SECOND_COPY = b"\x02\x02\x00\x00\x00\x01"


class TwoManagers:
    """A proxy whose key has a copy in an HSM, and another in OpenBao, with material of its own."""

    def __init__(self, manager: EmbeddedKeyManager, directory: Path) -> None:
        self.stage = Stage(manager, directory)
        self.hsm, self.bao = FaultyKeyManager(manager), FaultyKeyManager(manager)
        self.stage.managers.update({"hsm": self.hsm, "bao": self.bao})
        self.offer(hsm_key=BETA_KEY, bao_key=UNOFFERED_KEY)

    def offer(self, *, hsm_key: str, bao_key: str) -> None:
        first = ExternalKey(KEY, "hsm", hsm_key)
        first.copies = (first, ExternalKey(KEY, "bao", bao_key, copy=2))
        self.stage.change_key_store("alpha", external_keys=ExternalKeys([first]))

    def encrypt(self, **changes: Any) -> dict[str, Any]:
        return content_of(self.stage.ask_on_loop(encrypt_request(plaintext=b"a data key", **changes)))

    def decrypt(self, encrypted: dict[str, Any]) -> bytes:
        return from_base64(content_of(self.stage.ask_on_loop(decrypt_request(encrypted)))["plaintext"])


@pytest.fixture
def two(key_manager: EmbeddedKeyManager, tmp_path: Path) -> Iterator[TwoManagers]:
    two = TwoManagers(key_manager, tmp_path / "audit-of-two")
    yield two
    two.stage.close()


def metadata_of(encrypted: dict[str, Any]) -> bytes:
    return from_base64(encrypted["ciphertextMetadata"])


def test_the_first_copy_encrypts_while_it_works(two: TwoManagers) -> None:
    encrypted = two.encrypt()
    assert metadata_of(encrypted) == FORMAT_1
    assert two.decrypt(encrypted) == b"a data key"
    assert two.bao.calls == 0
    assert [record["key_manager"] for record in two.stage.records()] == ["hsm", "hsm"]


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.HANGS])
def test_the_second_stands_in_within_the_same_request_and_is_told_apart(two: TwoManagers, fault: Fault) -> None:
    two.hsm.fault = fault
    encrypted = two.encrypt()
    assert metadata_of(encrypted) == SECOND_COPY
    calls_of_hsm = two.hsm.calls
    assert two.decrypt(encrypted) == b"a data key"
    assert two.hsm.calls == calls_of_hsm, "only the copy that sealed can decrypt"
    assert [(record["key_manager"], record["status"]) for record in two.stage.records()] == [("bao", 200)] * 2


def test_what_a_copy_sealed_waits_for_that_copy(two: TwoManagers) -> None:
    encrypted = two.encrypt()
    two.hsm.fault = Fault.UNAVAILABLE
    assert error_of(two.stage.ask_on_loop(decrypt_request(encrypted))) == (500, "InternalException")
    two.hsm.fault = Fault.NONE
    assert two.decrypt(encrypted) == b"a data key"


def test_a_key_that_is_disabled_in_the_first_manager_is_withdrawn(two: TwoManagers) -> None:
    two.offer(hsm_key=DISABLED_KEY, bao_key=UNOFFERED_KEY)
    assert error_of(two.stage.ask_on_loop(encrypt_request())) == (400, "InvalidStateException")
    assert two.bao.calls == 0


def test_a_manager_that_keeps_failing_is_left_alone_for_a_while(two: TwoManagers) -> None:
    two.hsm.fault = Fault.UNAVAILABLE
    for _ in range(FAILURES_BEFORE_REST + 3):
        two.encrypt()
    assert two.hsm.calls == FAILURES_BEFORE_REST


def test_after_its_rest_the_first_is_used_again(two: TwoManagers, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = [0.0]
    monotonic: Callable[[], float] = lambda: time.monotonic() + ahead[0]  # noqa: E731  # a clock, not a function
    monkeypatch.setattr(two.stage.service, "_copies", Copies(monotonic=monotonic))
    two.hsm.fault = Fault.UNAVAILABLE
    for _ in range(FAILURES_BEFORE_REST):
        two.encrypt()
    two.hsm.fault = Fault.NONE
    assert metadata_of(two.encrypt()) == SECOND_COPY
    ahead[0] = FIRST_REST_SECONDS
    assert metadata_of(two.encrypt()) == FORMAT_1


def test_with_no_copy_left_the_failure_is_that_of_the_last(two: TwoManagers) -> None:
    two.hsm.fault, two.bao.fault = Fault.HANGS, Fault.HANGS
    began = time.monotonic()
    assert error_of(two.stage.ask_on_loop(encrypt_request())) == (503, "DependencyTimeoutException")
    assert time.monotonic() - began < 1


def test_a_manager_that_is_not_configured_any_more_is_passed_over(two: TwoManagers) -> None:
    del two.stage.managers["hsm"]
    assert metadata_of(two.encrypt()) == SECOND_COPY


def test_the_second_copy_has_versions_of_its_own(two: TwoManagers) -> None:
    two.offer(hsm_key=BETA_KEY, bao_key=ROTATED_KEY)
    two.hsm.fault = Fault.UNAVAILABLE
    encrypted = two.encrypt()
    assert metadata_of(encrypted) == b"\x02\x02\x00\x00\x00\x02"
    assert two.decrypt(encrypted) == b"a data key"


@pytest.mark.parametrize("copy", [1, 3, 255])
def test_a_ciphertext_moved_to_another_copy_is_corrupted(two: TwoManagers, copy: int) -> None:
    two.hsm.fault = Fault.UNAVAILABLE
    encrypted = two.encrypt()
    two.hsm.fault = Fault.NONE
    moved = FORMAT_1 if copy == 1 else bytes((2, copy, 0, 0, 0, 1))
    from tests.unit.proxy.stage import to_base64

    altered = encrypted | {"ciphertextMetadata": to_base64(moved)}
    assert error_of(two.stage.ask_on_loop(decrypt_request(altered))) == (400, "InvalidCiphertextException")


def test_a_key_without_copies_knows_nothing_of_a_second_one(two: TwoManagers) -> None:
    two.hsm.fault = Fault.UNAVAILABLE
    encrypted = two.encrypt()
    two.stage.change_key_store("alpha", external_keys=ExternalKeys([ExternalKey(KEY, "bao", UNOFFERED_KEY)]))
    assert error_of(two.stage.ask_on_loop(decrypt_request(encrypted))) == (400, "InvalidCiphertextException")


def test_the_key_is_described_by_the_first_that_answers(two: TwoManagers) -> None:
    two.hsm.fault = Fault.UNAVAILABLE
    described = content_of(two.stage.ask_on_loop(metadata_request()))
    assert described["keyStatus"] == "ENABLED"


def test_the_key_store_depends_on_both_managers(two: TwoManagers) -> None:
    key_store = two.stage.key_stores.named("alpha")
    assert key_store is not None
    assert key_store.external_keys.key_managers() == ("bao", "hsm")
    key_store.external_keys.remove(KEY)
    assert key_store.external_keys.key_managers() == ()
