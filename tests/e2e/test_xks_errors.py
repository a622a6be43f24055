"""All twelve errors over the wire: status, name and message, for each operation that may answer with them.

Most come from the proxy as an operator runs it. What takes a key manager that fails comes from a proxy in this process,
over TLS as well.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import pytest

from hyok.administration.credentials import create_credential
from hyok.administration.external_keys import add_external_key
from hyok.administration.freezes import freeze
from hyok.administration.keys import create_key, disable_key
from hyok.administration.keystores import create_key_store, update_key_store
from hyok.administration.policies import set_policy
from hyok.assembly.holder import Holder
from hyok.custody.rulings import Scope, ScopeKind
from hyok.keymanagers.errors import KeyManagerFailure
from hyok.xks.errors import XksErrorName
from hyok.xks.operations import XksOperation
from tests.e2e.processes import Credential
from tests.integration.proxy.live import KEY as LIVE_KEY
from tests.integration.proxy.live import LiveProxy
from tests.integration.spec.running import RunningProxy, running_proxy
from tests.integration.spec.wire import HEALTH_CONTENT, decrypt_content, encrypt_content, eventually
from tests.unit.proxy.authorization.written import document
from tests.unit.proxy.managers import FailingManager
from tests.unit.proxy.stage import metadata, to_base64

METADATA, ENCRYPT, DECRYPT, HEALTH = (
    XksOperation.GET_KEY_METADATA,
    XksOperation.ENCRYPT,
    XksOperation.DECRYPT,
    XksOperation.GET_HEALTH_STATUS,
)
NEVER = {
    (XksErrorName.DEPENDENCY_TIMEOUT, HEALTH): "a key manager that does not answer is reported as UNAVAILABLE",
}
PRINTABLE = re.compile(r"[ -~]{0,511}")
SEALED = {
    "ciphertext": to_base64(bytes(10)),
    "initializationVector": to_base64(bytes(12)),
    "authenticationTag": to_base64(bytes(16)),
    "ciphertextMetadata": to_base64(b"\x01\x00\x00\x00\x01"),
}
NO_PLACE = "/nobody/kms/xks/v1"
TOO_LARGE = bytes(200_000)


class Case(NamedTuple):
    """A request and the error that it gets."""

    error: XksErrorName
    operation: XksOperation
    what: str
    content: object = None
    key_id: str = "both"
    signed_by: str = "main"
    uri_path: str = "/main/kms/xks/v1"
    method: str = "POST"
    service: str = "kms-xks-proxy"
    region: str = "eu-central-1"

    def __str__(self) -> str:
        return f"{self.error.value}-{self.operation.value}-{self.what}".replace(" ", "-")


def contents() -> dict[XksOperation, Any]:
    """Return a good request of each operation."""
    return {
        METADATA: {"requestMetadata": metadata(kmsOperation="CreateKey")},
        ENCRYPT: encrypt_content(),
        DECRYPT: decrypt_content(SEALED),
        HEALTH: HEALTH_CONTENT,
    }


def without(operation: XksOperation, member: str) -> dict[str, Any]:
    """Return a request that lacks a member of requestMetadata."""
    content = contents()[operation]
    present = {name: value for name, value in content["requestMetadata"].items() if name != member}
    return {**content, "requestMetadata": present}


def path_of(operation: XksOperation, key_id: str) -> str:
    if operation is HEALTH:
        return "/health"
    last = {METADATA: "metadata", ENCRYPT: "encrypt", DECRYPT: "decrypt"}[operation]
    return f"/keys/{key_id}/{last}"


def cases() -> Iterator[Case]:
    """Yield what a proxy answers whatever its key manager does, and what an operator brings about."""
    for operation in XksOperation:
        yield Case(XksErrorName.VALIDATION, operation, "no members", {})
        yield Case(XksErrorName.VALIDATION, operation, "no JSON", b"\x00" * 40)
        yield Case(XksErrorName.VALIDATION, operation, "no body", b"")
        yield Case(XksErrorName.VALIDATION, operation, "no request id", without(operation, "kmsRequestId"))
        yield Case(XksErrorName.VALIDATION, operation, "no KMS operation", without(operation, "kmsOperation"))
        yield Case(XksErrorName.INVALID_STATE, operation, "frozen key store", uri_path="/frozen/kms/xks/v1")
        yield Case(XksErrorName.AUTHENTICATION_FAILED, operation, "another secret", signed_by="wrong secret")
        yield Case(XksErrorName.AUTHENTICATION_FAILED, operation, "unknown id", signed_by="unknown")
        yield Case(XksErrorName.AUTHENTICATION_FAILED, operation, "another service", service="kms")
        yield Case(XksErrorName.AUTHENTICATION_FAILED, operation, "another Region", region="us-east-1")
        yield Case(XksErrorName.AUTHENTICATION_FAILED, operation, "of another key store", signed_by="frozen")
        yield Case(XksErrorName.INVALID_URI_PATH, operation, "nobody's prefix", uri_path=NO_PLACE)
        yield Case(XksErrorName.INVALID_URI_PATH, operation, "another version", uri_path="/main/kms/xks/v2")
        yield Case(XksErrorName.UNSUPPORTED_OPERATION, operation, "large body", TOO_LARGE)
    for operation in (METADATA, ENCRYPT, DECRYPT):
        yield Case(XksErrorName.KEY_NOT_FOUND, operation, "nobody's key", key_id="nobody")
        yield Case(XksErrorName.KEY_NOT_FOUND, operation, "key not added", key_id="not-added")
        yield Case(XksErrorName.ACCESS_DENIED, operation, "denied by policy", key_id="forbidden")
        yield Case(XksErrorName.VALIDATION, operation, "no principal", without(operation, "awsPrincipalArn"))
    for operation in (ENCRYPT, DECRYPT):
        yield Case(XksErrorName.VALIDATION, operation, "no key ARN", without(operation, "kmsKeyArn"))
        yield Case(XksErrorName.INVALID_STATE, operation, "disabled key", key_id="disabled")
    unproven = encrypt_content(ciphertextDataIntegrityValueAlgorithm=None)
    yield Case(XksErrorName.INVALID_KEY_USAGE, ENCRYPT, "decrypt-only key", unproven, "decrypt-only")
    yield Case(XksErrorName.INVALID_KEY_USAGE, ENCRYPT, "integrity value of an encrypt-only key", key_id="encrypt-only")
    yield Case(XksErrorName.INVALID_KEY_USAGE, DECRYPT, "encrypt-only key", key_id="encrypt-only")
    yield Case(XksErrorName.VALIDATION, ENCRYPT, "no Base64", encrypt_content() | {"plaintext": "a"})
    yield Case(XksErrorName.VALIDATION, ENCRYPT, "another algorithm", encrypt_content(encryptionAlgorithm="AES_CBC"))
    for member, found in {
        "ciphertext": bytes(11),
        "initializationVector": bytes(13),
        "authenticationTag": bytes(15),
        "ciphertextMetadata": bytes(21),
    }.items():
        changed = decrypt_content(SEALED | {member: to_base64(found)})
        yield Case(XksErrorName.INVALID_CIPHERTEXT, DECRYPT, f"{member} of {len(found)} bytes", changed)
    yield Case(
        XksErrorName.INVALID_CIPHERTEXT, DECRYPT, "no metadata", decrypt_content(SEALED, ciphertextMetadata=None)
    )
    yield Case(XksErrorName.INVALID_CIPHERTEXT, DECRYPT, "corrupted")
    for operation, member in ((ENCRYPT, "plaintext"), (DECRYPT, "ciphertext")):
        for name in (member, "additionalAuthenticatedData"):
            large = contents()[operation] | {name: to_base64(bytes(8193))}
            yield Case(XksErrorName.UNSUPPORTED_OPERATION, operation, f"{name} of 8193 bytes", large)


class Answered(Protocol):
    """What both clients answer with."""

    @property
    def status(self) -> int: ...
    @property
    def content(self) -> Any: ...


def check(answer: Answered, error: XksErrorName) -> None:
    """Hold an answer against the specification's table."""
    assert (answer.status, answer.content["errorName"]) == (error.status, error.value), answer.content
    assert set(answer.content) <= {"errorName", "errorMessage"}
    message = answer.content.get("errorMessage", "")
    assert PRINTABLE.fullmatch(message), message


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with running_proxy(tmp_path_factory.mktemp("errors") / "holder") as running:
        for usage in ("encrypt", "decrypt"):
            running.hyok("key", "create", f"{usage}-only", "--keystore", "main", "--usage", usage)
        with running.holder() as holder:
            keys = holder.key_administrators["software"]
            for key_id in ("both", "disabled", "not-added"):
                create_key(keys, key_id)
            disable_key(keys, "disabled")
            for key_id in ("both", "disabled"):
                offer(holder, key_id)
            offer(holder, "forbidden", manager_key_id="both")
            forbid(holder, "forbidden")
        yield running


def forbid(holder: Holder, key_id: str) -> None:
    set_policy(
        holder.storage,
        holder.safe,
        holder.clock,
        key_store="main",
        external_key_id=key_id,
        document=document({"Effect": "Deny"}).encode(),
    )


def offer(holder: Holder, key_id: str, *, key_store: str = "main", manager_key_id: str | None = None) -> None:
    add_external_key(
        holder.storage,
        holder.clock,
        key_store=key_store,
        external_key_id=key_id,
        key_manager="software",
        manager_key_id=manager_key_id or key_id,
    )


@pytest.fixture(scope="module")
def credentials(proxy: RunningProxy) -> dict[str, Credential]:
    """By the name that a case calls them, all of them in force."""
    with proxy.holder() as holder:
        storage, clock = holder.storage, holder.clock
        update_key_store(storage, clock, "main", lambda present: replace(present, regions=("eu-central-1",)))
        create_key_store(storage, clock, name="frozen")
        pair = create_credential(storage, holder.safe, clock, key_store="frozen")
        freeze(storage, holder.recorder, Scope(ScopeKind.KEY_STORE, "frozen"))
    frozen = Credential(pair.access_key_id, pair.secret_access_key.reveal().decode())

    def is_frozen_everywhere() -> bool:  # each worker follows the changes by itself
        answers = set()
        for _ in range(8):
            with proxy.connect(credential=frozen, uri_path="/frozen/kms/xks/v1") as client:
                answers.add(client.check_health().content["errorName"])
        return answers == {"InvalidStateException"}

    eventually(is_frozen_everywhere)
    main = proxy.credential
    return {
        "main": main,
        "frozen": frozen,
        "wrong secret": Credential(main.access_key_id, frozen.secret_access_key),
        "unknown": Credential("A" * 20, main.secret_access_key),
    }


@pytest.mark.parametrize("case", [pytest.param(case, id=str(case)) for case in cases()])
def test_the_error_arrives_as_the_specification_says(
    proxy: RunningProxy, credentials: dict[str, Credential], case: Case
) -> None:
    is_frozen = case.uri_path.startswith("/frozen")
    with proxy.connect(credential=credentials["frozen" if is_frozen else case.signed_by]) as client:
        client.uri_path = case.uri_path
        content = contents()[case.operation] if case.content is None else case.content
        answer = client.ask(
            path_of(case.operation, case.key_id), content, service=case.service, region=case.region, method=case.method
        )
    check(answer, case.error)
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("operation", XksOperation)
def test_any_other_method_is_405(proxy: RunningProxy, operation: XksOperation) -> None:
    with proxy.connect() as client:
        for method in ("GET", "PUT", "DELETE", "HEAD"):
            answer = client.ask(path_of(operation, "both"), b"", method=method)
            assert (answer.status, answer.headers["allow"]) == (405, "POST")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveProxy]:
    with LiveProxy(tmp_path_factory.mktemp("live")) as proxy:
        yield proxy


@contextmanager
def failing(live: LiveProxy, failure: KeyManagerFailure) -> Iterator[None]:
    working = live.managers["software"]
    live.managers["software"] = FailingManager(working, failure)
    try:
        yield
    finally:
        live.managers["software"] = working


FAILURES = [
    (failure, error, operation)
    for failure, error in (
        (KeyManagerFailure.OVERLOADED, XksErrorName.THROTTLING),
        (KeyManagerFailure.TIMED_OUT, XksErrorName.DEPENDENCY_TIMEOUT),
        (KeyManagerFailure.UNAVAILABLE, XksErrorName.INTERNAL),
        (KeyManagerFailure.UNSUPPORTED, XksErrorName.UNSUPPORTED_OPERATION),
        (KeyManagerFailure.KEY_NOT_FOUND, XksErrorName.KEY_NOT_FOUND),
    )
    for operation in (METADATA, ENCRYPT, DECRYPT)
]


@pytest.mark.parametrize(("failure", "error", "operation"), FAILURES)
def test_a_key_manager_that_fails_is_told_by_the_error_it_stands_for(
    live: LiveProxy, failure: KeyManagerFailure, error: XksErrorName, operation: XksOperation
) -> None:
    with live.connect() as client, failing(live, failure):
        check(client.ask(path_of(operation, LIVE_KEY), contents()[operation]), error)


@pytest.fixture(scope="module")
def throttled(proxy: RunningProxy) -> Credential:
    """The credential of a key store that takes one request per second."""
    with proxy.holder() as holder:
        create_key_store(holder.storage, holder.clock, name="narrow", quota=1)
        pair = create_credential(holder.storage, holder.safe, holder.clock, key_store="narrow")
        offer(holder, "both", key_store="narrow")
    return Credential(pair.access_key_id, pair.secret_access_key.reveal().decode())


@pytest.mark.parametrize("operation", XksOperation)
def test_a_key_store_over_its_quota_throttles(
    proxy: RunningProxy, throttled: Credential, operation: XksOperation
) -> None:
    with proxy.connect(credential=throttled, uri_path="/narrow/kms/xks/v1") as client:
        answer = client.ask(path_of(operation, "both"), contents()[operation])
        for _ in range(50):  # until the key store is known everywhere and its one request is spent
            if answer.status == 429:
                break
            time.sleep(0.02)
            answer = client.ask(path_of(operation, "both"), contents()[operation])
        check(answer, XksErrorName.THROTTLING)


QUOTA = [(XksErrorName.THROTTLING, operation) for operation in XksOperation]
INTERNAL = [(XksErrorName.INTERNAL, operation) for operation in XksOperation]


@pytest.mark.parametrize("operation", XksOperation)
def test_a_proxy_that_can_record_nothing_fails_internally(
    live: LiveProxy, operation: XksOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_write(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with live.connect() as client, monkeypatch.context() as full_disk:
        full_disk.setattr("os.write", refuse_write)
        check(client.ask(path_of(operation, LIVE_KEY), contents()[operation]), XksErrorName.INTERNAL)


def test_every_error_of_every_operation_is_brought_about_here() -> None:
    wanted = {(error, operation) for error in XksErrorName for operation in error.operations}
    seen = {(case.error, case.operation) for case in cases()}
    seen |= {(error, operation) for _, error, operation in FAILURES} | set(INTERNAL + QUOTA)
    assert wanted - seen == NEVER.keys()
    assert seen <= wanted


@pytest.mark.parametrize("key_id", ["x" * 128, "x" * 129, "%41", "~", "a+b", "a%20b"])
def test_a_message_stays_short_and_printable_whatever_the_path_holds(proxy: RunningProxy, key_id: str) -> None:
    with proxy.connect() as client:
        answer = client.ask(f"/keys/{key_id}/encrypt", encrypt_content())
    known = len(key_id) == 128
    check(answer, XksErrorName.KEY_NOT_FOUND if known else XksErrorName.INVALID_URI_PATH)
