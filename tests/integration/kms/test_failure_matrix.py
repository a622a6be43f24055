"""Each row of the specification's table of failures in each call that it can befall: exception, text, HTTP status.

The proxy is a server over real TLS that misbehaves. What must come of it is read from the vectors, not from the code.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import trustme

from hyok.kms.connection_state import ConnectionErrorCode
from tests.integration.kms.faults import Fault, faults, serve_plain_http
from tests.integration.kms.misbehaving_proxy import MisbehavingProxy
from tests.integration.kms.rig import HOST, NEW_STORE, Rig, server_tls

ROWS: Final = {
    row["failure"]: row
    for row in json.loads((Path(__file__).parents[2] / "vectors/kms-external-failures.json").read_text())["rows"]
}
UNINTERPRETABLE: Final = ROWS["UNINTERPRETABLE"]["message"]
CONTEXT: Final = {"customer": "nile"}


class Scene:
    """A KMS with a connected store and its proxy, of which a fault can take hold."""

    def __init__(self, directory: Path, runner: asyncio.Runner, authority: trustme.CA) -> None:
        self._runner = runner
        self._authority = authority
        self.proxy = MisbehavingProxy(server_tls(authority.issue_cert(HOST)))
        runner.run(self.proxy.start())
        self.rig = Rig(directory, runner, authority=authority, ports={HOST: self.proxy.port})
        self.store = self.rig.create_connected_store()
        self.other_store = self.rig.create_store(CustomKeyStoreName="other", XksProxyUriPath="/other/kms/xks/v1")
        self.key = self.rig.create_key(self.store)
        self.ordinary = self.rig.call("CreateKey")["KeyMetadata"]["Arn"]
        self.blob = self.encrypted(self.key)
        self.ordinary_blob = self.encrypted(self.ordinary)

    def close(self) -> None:
        self.rig.close()
        self._runner.run(self.proxy.stop())

    def encrypted(self, key: str) -> bytes:
        sealed = self.rig.call("Encrypt", KeyId=key, Plaintext=b"4711", EncryptionContext=CONTEXT)
        blob: bytes = sealed["CiphertextBlob"]
        return blob

    def refusal(self, operation: str, **request: object) -> tuple[str, str | None, int]:
        """Make a call that must be refused; returns exception, text and HTTP status."""
        status, document = self._runner.run(self.rig.answer(operation, request))
        assert status != 200, f"{operation} succeeded"
        return document["__type"], document.get("message"), status

    @contextmanager
    def having(self, fault: Fault, operation: str) -> Iterator[None]:
        """Let a fault befall an operation of the XKS proxy API for the length of the block."""
        if fault.behave is None:
            with self._world(fault):
                yield
            return
        self.proxy.script[operation] = fault.behave(self.proxy)
        try:
            yield
        finally:
            self.proxy.script.clear()

    def _world(self, fault: Fault) -> AbstractContextManager[None]:
        match fault.what:
            case "nobody listens":
                return self._without_proxy()
            case "no route":
                return self._without_network()
            case "plain HTTP":
                return self._with_plain_http()
            case "disconnected":
                return self._disconnected()
            case _:
                return self._with_certificate(fault.what)

    @contextmanager
    def _without_proxy(self) -> Iterator[None]:
        self._runner.run(self.proxy.stop())
        # KMS may not have seen yet that its connection is gone. A first call meets that, the next one what is tested.
        self.refusal("Encrypt", KeyId=self.key, Plaintext=b"x")
        try:
            yield
        finally:
            self._runner.run(self.proxy.start())

    @contextmanager
    def _without_network(self) -> Iterator[None]:
        async def fail(_place: object) -> None:
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))

        # The one fault that is not brought about for real: that would take the network from the whole machine.
        with self._without_proxy(), pytest.MonkeyPatch.context() as machine:
            machine.setattr("hyok.transport.connecting._open_socket", fail)
            yield

    @contextmanager
    def _with_plain_http(self) -> Iterator[None]:
        with self._without_proxy():
            server = self._runner.run(serve_plain_http(self.proxy.port))
            try:
                yield
            finally:
                server.close()

    @contextmanager
    def _with_certificate(self, kind: str) -> Iterator[None]:
        with self._without_proxy():
            other = MisbehavingProxy(server_tls(self._bad_certificate(kind)))
            other.port = self.proxy.port
            self._runner.run(other.start())
            try:
                yield
            finally:
                self._runner.run(other.stop())
            assert other.asked == [], "nothing is told to a proxy that is not the one"

    def _bad_certificate(self, kind: str) -> trustme.LeafCert:
        match kind:
            case "certificate expired":
                yesterday = datetime.now(UTC) - timedelta(days=1)
                return self._authority.issue_cert(HOST, not_before=yesterday - timedelta(days=9), not_after=yesterday)
            case "certificate of another name":
                return self._authority.issue_cert("www.hyok.test")
            case "certificate of another authority":
                return trustme.CA().issue_cert(HOST)
            case _:
                raise AssertionError(f"no such fault: {kind}")

    @contextmanager
    def _disconnected(self) -> Iterator[None]:
        self.rig.call("DisconnectCustomKeyStore", CustomKeyStoreId=self.store)
        self.rig.settled(self.store)
        try:
            yield
        finally:
            self.rig.call("ConnectCustomKeyStore", CustomKeyStoreId=self.store)
            assert self.rig.settled(self.store)["ConnectionState"] == "CONNECTED"


Outcome = tuple[str, str | None, int]


class KmsCall(NamedTuple):
    """A call of KMS that asks the proxy for something, and what the table says comes of a failure."""

    name: str
    asks: str
    make: Callable[[Scene], Outcome]
    foreseen: Callable[[dict[str, Any]], Outcome]

    def __str__(self) -> str:
        return self.name


def of_create_or_update(row: dict[str, Any]) -> Outcome:
    if row["create_or_update"] is None:
        return "XksProxyInvalidResponseException", UNINTERPRETABLE, 400
    return row["create_or_update"], row["message"], 400


def of_connecting(row: dict[str, Any]) -> Outcome:
    return row["connection_error_code"] or "XKS_PROXY_INVALID_RESPONSE", None, 200


def of_create_key(row: dict[str, Any]) -> Outcome:
    if row["create_key"] is None:
        return "CustomKeyStoreInvalidStateException", UNINTERPRETABLE, 400
    return row["create_key"], row["message"], 400


def of_cryptography(row: dict[str, Any]) -> Outcome:
    return "KMSInvalidStateException", row["message"], 400


def create(scene: Scene) -> Outcome:
    changed = {"CustomKeyStoreName": "new", "XksProxyUriPath": "/new/kms/xks/v1"}
    outcome = scene.refusal("CreateCustomKeyStore", **{**NEW_STORE, **changed})
    assert len(scene.rig.call("DescribeCustomKeyStores")["CustomKeyStores"]) == 2
    return outcome


def update(scene: Scene) -> Outcome:
    before = scene.rig.describe(scene.other_store)
    outcome = scene.refusal(
        "UpdateCustomKeyStore", CustomKeyStoreId=scene.other_store, XksProxyUriPath="/new/kms/xks/v1"
    )
    assert scene.rig.describe(scene.other_store) == before
    return outcome


def connect(scene: Scene) -> Outcome:
    assert scene.rig.call("ConnectCustomKeyStore", CustomKeyStoreId=scene.other_store) == {}
    entry = scene.rig.settled(scene.other_store)
    assert entry["ConnectionState"] == "FAILED"
    scene.rig.call("DisconnectCustomKeyStore", CustomKeyStoreId=scene.other_store)
    return entry["ConnectionErrorCode"], None, 200


def create_key(scene: Scene) -> Outcome:
    return scene.refusal("CreateKey", Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=scene.store, XksKeyId="key-2")


def cryptographic(operation: str, request: Callable[[Scene], dict[str, object]]) -> Callable[[Scene], Outcome]:
    return lambda scene: scene.refusal(operation, **request(scene))


CALLS: Final = (
    KmsCall("CreateCustomKeyStore", "GetHealthStatus", create, of_create_or_update),
    KmsCall("UpdateCustomKeyStore", "GetHealthStatus", update, of_create_or_update),
    KmsCall("ConnectCustomKeyStore", "GetHealthStatus", connect, of_connecting),
    KmsCall("CreateKey", "GetKeyMetadata", create_key, of_create_key),
    *(
        KmsCall(name, asks, cryptographic(name.partition(" ")[0], request), of_cryptography)
        for name, asks, request in (
            ("Encrypt", "Encrypt", lambda scene: {"KeyId": scene.key, "Plaintext": b"x"}),
            ("GenerateDataKey", "Encrypt", lambda scene: {"KeyId": scene.key, "KeySpec": "AES_256"}),
            ("GenerateDataKeyWithoutPlaintext", "Encrypt", lambda scene: {"KeyId": scene.key, "KeySpec": "AES_128"}),
            ("Decrypt", "Decrypt", lambda scene: {"CiphertextBlob": scene.blob, "EncryptionContext": CONTEXT}),
            (
                "ReEncrypt from it",
                "Decrypt",
                lambda scene: {
                    "CiphertextBlob": scene.blob,
                    "SourceEncryptionContext": CONTEXT,
                    "DestinationKeyId": scene.ordinary,
                },
            ),
            (
                "ReEncrypt to it",
                "Encrypt",
                lambda scene: {
                    "CiphertextBlob": scene.ordinary_blob,
                    "SourceEncryptionContext": CONTEXT,
                    "DestinationKeyId": scene.key,
                },
            ),
        )
    ),
)
MATRIX: Final = [(call, fault) for call in CALLS for fault in faults() if call.asks in fault.operations]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Iterator[Scene]:
    with asyncio.Runner() as runner:
        scene = Scene(tmp_path_factory.mktemp("matrix"), runner, authority)
        yield scene
        scene.close()


@pytest.mark.parametrize(("call", "fault"), MATRIX, ids=str)
def test_a_failure_is_told_as_the_table_says(scene: Scene, call: KmsCall, fault: Fault) -> None:
    with scene.having(fault, call.asks):
        assert call.make(scene) == call.foreseen(ROWS[fault.row])


def test_after_all_of_it_everything_works_again(scene: Scene) -> None:
    opened = scene.rig.call("Decrypt", CiphertextBlob=scene.blob, EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == b"4711"
    assert scene.encrypted(scene.key)
    assert scene.rig.create_key(scene.store, "key-3")


def test_every_row_is_brought_about_in_every_call_that_it_can_befall() -> None:
    driven = {(fault.row, call.name) for call, fault in MATRIX}
    wanted = {
        (name, call.name)
        for name, row in ROWS.items()
        if not name.startswith("VPC_ENDPOINT_SERVICE_")  # test_vpc_endpoint_services.py has them
        for call in CALLS
        if can_befall(row, call)
    }
    assert wanted <= driven
    # Driven besides: what the table does not foresee for the call, such as a health check that finds no key.
    besides = {row for row, _ in driven - wanted}
    assert all(ROWS[row]["create_or_update"] is None or ROWS[row]["create_key"] is None for row in besides)


def can_befall(row: dict[str, Any], call: KmsCall) -> bool:
    """Whether the table foresees a failure for a call: columns C/U and K; what is not for C/U alone is for X too."""
    if call.foreseen is of_create_or_update:
        return row["create_or_update"] is not None
    if call.foreseen is of_connecting:
        return row["connection_error_code"] is not None
    if call.foreseen is of_create_key:
        return row["create_key"] is not None
    if row["failure"] in {"CIPHERTEXT_REJECTED", "INNER_CIPHERTEXT_CORRUPTED"}:
        return call.asks == "Decrypt"
    return bool(row["failure"] != "ALL_UNAVAILABLE")


def test_every_connection_error_code_of_an_external_key_store_has_a_row() -> None:
    # One is no failure of a proxy, and brought about elsewhere: a defect of ours (test_connecting.py).
    codes = {row["connection_error_code"] for row in ROWS.values()} | {"INTERNAL_ERROR"}
    assert {code.value for code in ConnectionErrorCode} - codes <= {"XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION"}
