"""One record per request, written before the answer leaves, with nothing secret in it."""

from __future__ import annotations

import asyncio
import errno
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hyok.audit.errors import AuditLogError
from hyok.keymanagers.cluster.manager import ClusterKeyManager
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.keymanagers.errors import KeyManagerFailure
from hyok.transport.messages import Peer, Refusal
from hyok.transport.steps import Begun
from tests.unit.proxy.managers import FailingManager, WaitingManager, WatchedManager
from tests.unit.proxy.stage import (
    ALPHA_SIGNER,
    BETA_SIGNER,
    KEY,
    MANAGER,
    ROTATED_KEY,
    Stage,
    decrypt_request,
    encrypt_request,
    error_of,
    from_base64,
    health_request,
    make_request,
    metadata,
    metadata_request,
)


def only_record(stage: Stage) -> dict[str, Any]:
    (record,) = stage.records()
    return record


STAGES = ("receive_us", "authenticate_us", "decode_us", "perform_us")


def without_stages(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in STAGES}  # on a busy machine it took long


def test_a_request_that_took_long_tells_where(stage: Stage) -> None:
    request = encrypt_request()
    request.received_at -= 0.02

    stage.ask(request)

    record = only_record(stage)
    assert record["receive_us"] >= 20_000
    assert record["duration_us"] >= sum(record.get(name, 0) for name in STAGES)


def test_an_encrypt_leaves_a_record_of_who_used_what(stage: Stage) -> None:
    stage.encrypt(key_id=ROTATED_KEY, plaintext=bytes(150), aad=bytes(100))

    record = only_record(stage)
    assert 0 < record.pop("duration_us") < 1_000_000
    assert without_stages(record) == {
        "event": "xks_request",
        "time": "2025-11-24T16:00:00.250000Z",
        "peer": "192.0.2.7:4711",
        "certificate_subject": "cks.kms.eu-central-1.amazonaws.com",
        "key_store": "alpha",
        "credential_id": ALPHA_SIGNER.access_key_id,
        "operation": "Encrypt",
        "external_key_id": ROTATED_KEY,
        "request_metadata": metadata(),
        "key_manager": MANAGER,
        "key_version": 2,
        "plaintext_bytes": 150,
        "aad_bytes": 100,
        "status": 200,
    }


def test_every_answer_has_its_record(stage: Stage) -> None:
    encrypted = stage.encrypt()
    stage.ask(decrypt_request(encrypted))
    stage.ask(metadata_request())
    stage.ask(health_request())
    stage.ask(encrypt_request(key_id="missing"))
    stage.ask(encrypt_request(signer=BETA_SIGNER))
    stage.ask(make_request("/nobody/kms/xks/v1/health", b""))
    stage.ask(make_request("/alpha/kms/xks/v1/health", b"", method="GET"))
    stage.service.refuse(Refusal.TOO_SLOW, Peer("192.0.2.7:4711", ""))

    assert [(r.get("operation", ""), r["status"], r.get("error", "")) for r in stage.records()] == [
        ("Encrypt", 200, ""),
        ("Decrypt", 200, ""),
        ("GetKeyMetadata", 200, ""),
        ("GetHealthStatus", 200, ""),
        ("Encrypt", 404, "KeyNotFoundException"),
        ("Encrypt", 401, "AuthenticationFailedException"),
        ("", 404, "InvalidUriPathException"),
        ("GetHealthStatus", 405, "MethodNotAllowed"),
        ("", 400, "ValidationException"),
    ]


def test_metrics_count_what_the_log_records(stage: Stage) -> None:
    for request in (encrypt_request(), encrypt_request(), encrypt_request(key_id="missing"), health_request()):
        stage.ask(request)
    stage.ask(make_request("/nobody/kms/xks/v1/health", b""))

    recorded = Counter((r.get("key_store", ""), r.get("operation", ""), r.get("error", "")) for r in stage.records())
    assert {labels: series.count for labels, series in stage.metrics.requests().items()} == recorded


def test_a_target_that_leads_nowhere_is_recorded_cut_and_escaped(stage: Stage) -> None:
    request = make_request("/x", b"")
    request.target = b"/\xff\x1b[31m" + b"a" * 1000

    stage.ask(request)

    assert only_record(stage)["target"] == "/\xff\x1b[31m" + "a" * 249


def test_the_record_says_what_the_key_manager_said(stage: Stage) -> None:
    stage.managers[MANAGER] = FailingManager(stage.managers[MANAGER], KeyManagerFailure.UNAVAILABLE)

    stage.ask(encrypt_request())

    record = only_record(stage)
    assert (record["error"], record["detail"]) == ("InternalException", "unavailable: slot 3")


def test_the_version_is_recorded_even_if_the_decryption_fails(stage: Stage) -> None:
    encrypted = stage.encrypt(key_id=ROTATED_KEY)
    stage.ask(decrypt_request(encrypted, key_id=ROTATED_KEY, aad=b"other"))

    assert [record["key_version"] for record in stage.records()] == [2, 2]


def test_request_metadata_of_the_unauthenticated_is_not_recorded(stage: Stage) -> None:
    stage.ask(encrypt_request(signer=BETA_SIGNER))

    assert "request_metadata" not in only_record(stage)


def test_a_caller_who_left_before_the_answer_is_recorded_at_once(stage: Stage) -> None:
    stage.managers[MANAGER] = WaitingManager(stage.managers[MANAGER], 60)

    async def leave() -> None:
        task = asyncio.create_task(stage.service.answer(encrypt_request()))
        await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.wait((task,))

    asyncio.run(leave())

    assert b'"error":"ConnectionClosed"' in stage.audit.path.read_bytes()


# A log that cannot be written.


def refuse_writes(*_: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_an_answer_whose_record_cannot_be_written_must_not_leave(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.ask(encrypt_request())
    with monkeypatch.context() as full_disk:
        full_disk.setattr("os.write", refuse_writes)
        with pytest.raises(AuditLogError):
            stage.service.before_answers_leave()

        assert error_of(stage.service.answer_failed()) == (500, "InternalException")


def test_no_key_is_used_while_the_log_cannot_be_written(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = WatchedManager(stage.managers[MANAGER])
    stage.managers[MANAGER] = manager
    stage.ask(encrypt_request())
    used = manager.calls.total()
    with monkeypatch.context() as full_disk:
        full_disk.setattr("os.write", refuse_writes)
        with pytest.raises(AuditLogError):
            stage.service.before_answers_leave()

        for _ in range(3):
            assert error_of(stage.ask(encrypt_request())) == (500, "InternalException")
            stage.service.before_answers_leave()  # refusals may leave

    assert manager.calls.total() == used


def test_service_goes_on_by_itself_once_the_log_can_be_written(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.ask(encrypt_request(plaintext=b"1"))
    with monkeypatch.context() as full_disk:
        full_disk.setattr("os.write", refuse_writes)
        with pytest.raises(AuditLogError):
            stage.service.before_answers_leave()
        stage.ask(encrypt_request(plaintext=b"22"))

    assert stage.ask(encrypt_request(plaintext=b"333")).status == 200

    assert [record["plaintext_bytes"] for record in stage.records()] == [1, 3]


# Canaries.


def test_no_plaintext_ciphertext_secret_or_signature_is_recorded(
    stage: Stage, key_manager: EmbeddedKeyManager, tmp_path: Path
) -> None:
    request = encrypt_request(plaintext=b"canary-plaintext-canary", aad=b"canary-aad-canary")
    response = stage.ask(request)
    encrypted = stage.encrypt(plaintext=b"canary-plaintext-canary")
    decrypt = decrypt_request(encrypted)
    stage.ask(decrypt)
    for altered in ({"authenticationTag": encrypted["ciphertext"][:22] + "=="}, {"encryptionAlgorithm": "canary-algo"}):
        stage.ask(decrypt_request(encrypted, **altered))
    stage.ask(encrypt_request(signer=BETA_SIGNER, plaintext=b"canary-plaintext-canary"))
    stage.service.before_answers_leave()
    log = stage.audit.path.read_bytes()

    secrets = [
        b"canary",
        ALPHA_SIGNER.secret.reveal(),
        request.authorization.rpartition(b"=")[2],
        request.body,
        response.body,
        *(encrypted[name].encode() for name in ("ciphertext", "authenticationTag", "initializationVector")),
        *(from_base64(encrypted[name]) for name in ("ciphertext", "authenticationTag")),
    ]
    for secret in secrets:
        assert secret not in log
        assert secret.hex().encode() not in log
    assert log.count(b"\n") == 8


def test_no_secret_shows_in_the_repr_of_what_the_proxy_holds(stage: Stage) -> None:
    stage.encrypt(plaintext=b"canary-plaintext-canary")
    key_store = stage.key_stores.named("alpha")
    assert key_store is not None
    shown = "".join(
        repr(one)
        for one in (
            key_store,
            *key_store.credentials.values(),
            key_store.external_keys.find(KEY),
            stage.service,
            stage.audit,
            vars(stage.service),
        )
    )

    assert ALPHA_SIGNER.secret.reveal().decode() not in shown
    assert "canary" not in shown


def test_the_member_of_a_cluster_that_answered_is_recorded(stage: Stage) -> None:
    manager = stage.managers[MANAGER]
    stage.managers[MANAGER] = ClusterKeyManager([("hsm-1", manager), ("hsm-2", manager)])
    stage.encrypt()
    stage.managers[MANAGER] = manager
    stage.encrypt()

    assert [record.get("key_manager_instance") for record in stage.records()] == ["hsm-1", None]


def test_a_member_that_answered_one_request_is_not_recorded_with_another(stage: Stage) -> None:
    # Its version is known at once, its encryption waits: the rest of that request runs in a task of its own.
    manager = stage.managers[MANAGER]
    slow = WaitingManager(manager, seconds=0.01)

    async def ask_both() -> None:
        stage.managers[MANAGER] = ClusterKeyManager([("hsm-1", slow), ("hsm-2", slow)])
        waiting = stage.service.answer(encrypt_request())
        step = waiting.send(None)
        stage.managers[MANAGER] = manager
        stage.encrypt()
        await asyncio.get_running_loop().create_task(Begun(waiting, step))

    asyncio.run(ask_both())

    assert [record.get("key_manager_instance") for record in stage.records()] == [None, "hsm-1"]
