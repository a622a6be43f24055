"""The proxy over real TLS, asked by clients that share no code with it."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hyok.administration.credentials import retire_credential
from hyok.administration.freezes import freeze, unfreeze
from hyok.clock import Deadline
from hyok.custody.rulings import Scope, ScopeKind
from hyok.keymanagers.interface import KeyVersion, Sealed
from tests.integration.proxy.live import KEY, KMS_SUBJECT, Answer, LiveProxy, encrypt_content
from tests.integration.transport.half_closing import ask_and_end
from tests.unit.proxy.managers import WaitingManager, WatchedManager
from tests.unit.proxy.stage import from_base64

LIVE = Scope(ScopeKind.KEY_STORE, "live")


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[LiveProxy]:
    with LiveProxy(tmp_path) as proxy:
        yield proxy


def seconds_until(holds: Callable[[], bool]) -> float:
    """Return how long it took until something holds; a failure after 5 seconds."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < 5
        time.sleep(0.01)
    return time.monotonic() - began


def error_name(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.content["errorName"]


def test_what_botocore_signs_is_served_over_one_kept_connection(proxy: LiveProxy) -> None:
    with proxy.connect() as client:
        for size in (0, 32, 4300, 8192):
            encrypted = client.encrypt(os.urandom(1) * size)
            assert encrypted.status == 200, encrypted.content
            decrypted = client.decrypt(encrypted.content)
            assert len(from_base64(decrypted.content["plaintext"])) == size
        assert client.ask(f"/keys/{KEY}/metadata", {"requestMetadata": {}}).status == 400
        assert client.ask("/health", {"requestMetadata": {"kmsRequestId": "1", "kmsOperation": "x"}}).status == 200


def test_the_record_is_in_the_file_when_the_answer_arrives(proxy: LiveProxy) -> None:
    with proxy.connect() as client:
        for number in range(20):
            client.encrypt(kmsRequestId=f"request-{number}")

            newest = proxy.records()[-1]
            assert newest["request_metadata"]["kmsRequestId"] == f"request-{number}"
            assert newest["status"] == 200
            assert newest["certificate_subject"] == KMS_SUBJECT


def test_a_freeze_takes_effect_on_open_connections_within_a_second(proxy: LiveProxy) -> None:
    with proxy.connect() as client:
        assert client.encrypt().status == 200
        freeze(proxy.storage, proxy.recorder, LIVE)
        assert seconds_until(lambda: client.encrypt().status == 400) < 1
        assert error_name(client.encrypt()) == (400, "InvalidStateException")
        unfreeze(proxy.storage, proxy.recorder, proxy.judge, LIVE)
        assert seconds_until(lambda: client.encrypt().status == 200) < 1


def test_a_disabled_key_is_refused_within_a_second_and_still_described(proxy: LiveProxy) -> None:
    with proxy.connect() as client:
        encrypted = client.encrypt().content
        proxy.administrator.disable_key(KEY)
        assert seconds_until(lambda: client.decrypt(encrypted).status == 400) < 1
        assert error_name(client.decrypt(encrypted)) == (400, "InvalidStateException")
        described = client.ask(f"/keys/{KEY}/metadata", {"requestMetadata": encrypt_content(b"")["requestMetadata"]})
        assert described.content["keyStatus"] == "DISABLED"
        proxy.administrator.enable_key(KEY)
        assert seconds_until(lambda: client.decrypt(encrypted).status == 200) < 1


def test_a_rotated_key_encrypts_anew_and_decrypts_the_old(proxy: LiveProxy) -> None:
    with proxy.connect() as client:
        old = client.encrypt(b"old").content
        proxy.administrator.rotate_key(KEY)
        seconds_until(lambda: client.encrypt().content["ciphertextMetadata"] != old["ciphertextMetadata"])

        assert from_base64(client.decrypt(old).content["plaintext"]) == b"old"


def test_credentials_rotate_without_interruption(proxy: LiveProxy) -> None:
    with proxy.connect() as client:
        old, new = proxy.credential, proxy.add_credential()
        content = encrypt_content(b"")

        def status(credential: object) -> int:
            pair = new if credential is new else old
            return client.ask(f"/keys/{KEY}/encrypt", content, credential=pair).status

        assert seconds_until(lambda: status(new) == 200) < 1
        assert status(old) == 200
        retire_credential(proxy.storage, proxy.safe, proxy.clock, old.access_key_id)
        assert seconds_until(lambda: status(old) == 401) < 1
        assert status(new) == 200


def test_a_get_on_an_api_path_is_405_and_a_ping_200(proxy: LiveProxy) -> None:
    with proxy.connect() as client:
        assert client.ask(f"/keys/{KEY}/encrypt", b"", method="GET").status == 405
        assert client.send("GET", "/ping", b"", {}).status == 200


def test_a_body_beyond_the_limit_is_unsupported_before_it_is_authenticated(proxy: LiveProxy) -> None:
    with proxy.connect() as client:
        answer = client.send("POST", "/live/kms/xks/v1/health", bytes(200_000), {})

        assert error_name(answer) == (501, "UnsupportedOperationException")
    assert proxy.records()[-1]["error"] == "UnsupportedOperationException"


def test_what_is_no_http_is_a_validation_error(proxy: LiveProxy) -> None:
    with proxy.connect() as client:
        answer = client.send("POST", "/live/kms/xks/v1/health", b"", {"Transfer-Encoding": "gzip"})

        assert error_name(answer) == (400, "ValidationException")


class StuckManager(WatchedManager):
    """Never answers an Encrypt, and pays no heed to being cancelled."""

    async def encrypt(self, version: KeyVersion, plaintext: bytes, aad: bytes, deadline: Deadline) -> Sealed:
        for _ in range(8):
            try:
                await asyncio.sleep(0.1)
            except asyncio.CancelledError:
                continue
        raise RuntimeError("never answered")


def test_a_key_manager_that_hangs_is_a_dependency_timeout_in_time_for_kms(proxy: LiveProxy) -> None:
    with proxy.connect() as client:
        encrypted = client.encrypt().content
        working = proxy.managers["software"]
        proxy.managers["software"] = StuckManager(working)

        answer = client.encrypt()

        assert error_name(answer) == (503, "DependencyTimeoutException")
        assert answer.seconds < 0.25
        assert client.decrypt(encrypted).status == 200


def ask_and_half_close(proxy: LiveProxy) -> bytes:
    """Return all that a client gets that says behind an Encrypt, in the same segment, that it sends no more."""
    with proxy.connect() as client:
        method, target, body, headers = client.sign(f"/keys/{KEY}/encrypt", encrypt_content(b"a data key"))
    headers |= {"host": f"localhost:{proxy.address.port}", "content-length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body
    return ask_and_end(proxy.address, proxy.client_context(), request)


def test_a_client_that_half_closes_is_answered_as_the_record_says(proxy: LiveProxy) -> None:
    with proxy.connect() as client:
        client.encrypt()  # the key is in memory from here on, so that nothing waits
    assert ask_and_half_close(proxy).startswith(b"HTTP/1.1 200 OK\r\n")
    _, record = proxy.records()
    assert (record["status"], record["operation"]) == (200, "Encrypt")


def test_a_client_that_half_closes_and_would_have_to_wait_is_recorded_as_gone(proxy: LiveProxy) -> None:
    waiting = proxy.managers["software"] = WaitingManager(proxy.managers["software"], 60)
    assert ask_and_half_close(proxy) == b""
    seconds_until(lambda: len(proxy.records()) == 1)
    (record,) = proxy.records()
    assert record["error"] == "ConnectionClosed"
    assert waiting.was_cancelled


def test_a_full_disk_lets_no_success_out_and_nothing_is_lost(proxy: LiveProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_write(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with proxy.connect() as client:
        with monkeypatch.context() as full_disk:
            full_disk.setattr("os.write", refuse_write)
            for _ in range(3):
                answer = client.encrypt(kmsRequestId="while full")
                assert error_name(answer) == (500, "InternalException")
                assert "ciphertext" not in answer.content
            assert proxy.records() == []

        assert client.encrypt(kmsRequestId="with room again").status == 200
        ids = [record["request_metadata"]["kmsRequestId"] for record in proxy.records()]
        assert ids == ["while full", "with room again"]
