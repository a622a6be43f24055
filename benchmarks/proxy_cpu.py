"""CPU per request of the proxy's pipeline alone: no sockets, no TLS, `answer` driven by one `send`.

An Encrypt of the usual size (754-byte body: 150 bytes of plaintext, 100 of AAD, integrity value asked for) on the
embedded key manager, with audit log and counters on; the log's write comes once per 16 answers, as it does with 16
connections. `python -m benchmarks.proxy_cpu [--profile] [--against SKETCH.py]`, where SKETCH.py has
`answer(method, path, host, date, authorization, body)` and the names AK and SECRET of its one credential.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import cProfile
import importlib.util
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from hyok.audit.notes import Signer
from hyok.audit.opening import open_audit_log
from hyok.clock import NO_DEADLINE, SystemClock, deadline_in
from hyok.custody.root_key import LocalRootKey
from hyok.custody.safe import open_safe
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.embedded.leasing import Leasing
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.keymanagers.interface import KeyUsage, KeyVersion
from hyok.metrics.registry import MetricsRegistry
from hyok.proxy.authorization.key_store_policies import KeyStorePolicies
from hyok.proxy.freezes import Freezes, Frozen
from hyok.proxy.health import HealthMonitor
from hyok.proxy.keystores import Credential, ExternalKey, ExternalKeys, KeyStore, KeyStoreDirectory
from hyok.proxy.operations.get_health_status import ProxyIdentity
from hyok.proxy.pipeline import ProxyService
from hyok.quota import Quota
from hyok.secret import Secret
from hyok.sigv4.signing import SigningKeys, sign
from hyok.storage.engine import open_storage
from hyok.storage.schema import Side
from hyok.transport.messages import HttpRequest, HttpResponse, Peer

BODY_BYTES = 754
HOST = b"xks.hyok.test"
PREFIX = "/example/uri/path/prefix"
TARGET = f"{PREFIX}/kms/xks/v1/keys/foo/encrypt".encode()
CALLER = "arn:aws:iam::123456789012:user/Alice"
ACCESS_KEY_ID = "BETWEEN2TENAND3TENCHARACTERS"
SECRET = Secret(b"PleaseReplaceThisWithSomeSecretOfLength43To64")
ANSWERS_PER_TURN = 16
ROUNDS = 15
REQUESTS_PER_ROUND = 16 * 400


class Variation(NamedTuple):
    """What is otherwise than usual."""

    asks_integrity_value: bool = True
    quota: Quota | None = None
    policies: KeyStorePolicies | None = None
    frozen: Frozen | None = None


USUAL = Variation()


def encrypt_body(*, asks_integrity_value: bool = True) -> bytes:
    """Return the JSON of an Encrypt, 754 bytes long."""
    metadata = {
        "awsPrincipalArn": CALLER,
        "kmsOperation": "Encrypt",
        "kmsRequestId": "4112f4d6-db54-4af4-ae30-c55a22a8dfae",
        "kmsKeyArn": "arn:aws:kms:us-east-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "kmsViaService": "ebs",
    }
    content: dict[str, object] = {
        "requestMetadata": metadata,
        "plaintext": base64.b64encode(os.urandom(150)).decode(),
        "encryptionAlgorithm": "AES_GCM",
        "additionalAuthenticatedData": base64.b64encode(os.urandom(100)).decode(),
    }
    if asks_integrity_value:
        content["ciphertextDataIntegrityValueAlgorithm"] = "SHA_256"
    shortest = len(json.dumps(content, separators=(",", ":")))
    metadata["kmsViaService"] += "x" * (BODY_BYTES - shortest)
    return json.dumps(content, separators=(",", ":")).encode()


def signed_headers(body: bytes) -> dict[bytes, bytes]:
    """Sign as AWS KMS does."""
    added = sign(
        method=b"POST",
        target=TARGET,
        headers=[(b"host", HOST)],
        body=body,
        access_key_id=ACCESS_KEY_ID,
        secret=SECRET,
        region="us-east-2",
        service="kms-xks-proxy",
        now=time.time(),
    )
    return dict(added)


def proxy_requests(directory: Path, variation: Variation = USUAL) -> Callable[[int], None]:
    """Return a function that has the proxy answer so many requests."""
    storage = open_storage(f"sqlite:///{directory / 'hyok.db'}", Side.HOLDER)
    safe = open_safe(storage, LocalRootKey(Secret(os.urandom(32))))
    EmbeddedKeyAdministrator(storage, safe, SystemClock()).create_key("foo", frozenset(KeyUsage))
    manager = EmbeddedKeyManager(storage, Leasing(safe, SystemClock()))
    asyncio.run(encrypt_once(manager))
    managers = {"software": manager}
    key_store = KeyStore(
        name="benchmark",
        path_prefix=PREFIX,
        regions=frozenset(),
        credentials={ACCESS_KEY_ID.encode(): Credential(ACCESS_KEY_ID, SigningKeys(SECRET))},
        external_keys=ExternalKeys([ExternalKey("foo", "software", "foo")]),
        quota=variation.quota,
        policies=variation.policies,
    )
    service = ProxyService(
        identity=ProxyIdentity("benchmark", lambda: 1),
        key_stores=KeyStoreDirectory([key_store]),
        key_managers=managers,
        health=HealthMonitor(managers),
        audit=open_audit_log(directory / "audit", service="proxy", signer=Signer(os.urandom(32))),
        metrics=MetricsRegistry(),
        clock=SystemClock(),
        freezes=Freezes(variation.frozen),
        is_stale=lambda: False,
        note_use=lambda _access_key_id, _now: None,
    )
    body = encrypt_body(asks_integrity_value=variation.asks_integrity_value)
    headers = signed_headers(body)
    request = HttpRequest(Peer("127.0.0.1:51234", "cks.kms.us-east-2.amazonaws.com"))
    request.method, request.target, request.host, request.body = b"POST", TARGET, HOST, body
    request.amz_date, request.authorization = headers[b"x-amz-date"], headers[b"authorization"]
    request.deadline = deadline_in(3600)

    def answer_all(count: int) -> None:
        for number in range(1, count + 1):
            request.received_at = time.monotonic()
            assert answered(service, request).status == 200
            if number % ANSWERS_PER_TURN == 0:
                service.before_answers_leave()

    return answer_all


async def encrypt_once(manager: EmbeddedKeyManager) -> None:
    """Let the key take its lease, which is the one thing it waits for."""
    await manager.encrypt(KeyVersion("foo", 1), b"first", b"", NO_DEADLINE)


def answered(service: ProxyService, request: HttpRequest) -> HttpResponse:
    """Answer as the transport does where nothing waits."""
    try:
        service.answer(request).send(None)
    except StopIteration as end:
        response: HttpResponse = end.value
        return response
    raise RuntimeError("the proxy waited for something")


def sketch_requests(sketch: ModuleType) -> Callable[[int], None]:
    """Return a function that has the sketch answer so many requests."""
    body = encrypt_body()
    headers = signed_headers(body)
    arguments = (b"POST", TARGET, HOST, headers[b"x-amz-date"], headers[b"authorization"], body)

    def answer_all(count: int) -> None:
        for _ in range(count):
            status, answer = sketch.answer(*arguments)
            assert status == 200, answer

    return answer_all


def load_sketch(path: Path) -> ModuleType:
    """Import a file by its path."""
    spec = importlib.util.spec_from_file_location("sketch", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cheapest(contenders: Mapping[str, Callable[[int], None]], *, rounds: int = ROUNDS) -> dict[str, float]:
    """Run the contenders in turn; return the CPU microseconds per request of the best round of each."""
    best: dict[str, float] = {}
    for _ in range(rounds):
        for name, answer_all in contenders.items():
            began = time.process_time()
            answer_all(REQUESTS_PER_ROUND)
            microseconds = (time.process_time() - began) / REQUESTS_PER_ROUND * 1e6
            best[name] = min(microseconds, best.get(name, microseconds))
    return best


def main() -> None:
    """Measure, interleaved, and print the best round of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        contenders = {"proxy": proxy_requests(Path(directory))}
        if options.profile:
            with cProfile.Profile() as profile:
                contenders["proxy"](REQUESTS_PER_ROUND)
            profile.print_stats("tottime")
            return
        if options.against:
            path = options.against.resolve()
            os.chdir(directory)  # the sketch writes its log where it stands
            contenders["sketch"] = sketch_requests(load_sketch(path))
        best = cheapest(contenders)
        for name, microseconds in best.items():
            print(f"{name:8} {microseconds:6.2f} us CPU per request")
        if "sketch" in best:
            print(f"{'ratio':8} {best['proxy'] / best['sketch']:6.2f}")


if __name__ == "__main__":
    main()
