"""A whole proxy in memory, and the requests that AWS KMS would send to it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from hyok.audit.opening import open_audit_log
from hyok.clock import NO_DEADLINE, SystemClock, deadline_in
from hyok.custody.root_key import LocalRootKey
from hyok.custody.safe import open_safe
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.embedded.leasing import Leasing
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.keymanagers.interface import KeyManager, KeyUsage, KeyVersion
from hyok.metrics.registry import MetricsRegistry
from hyok.proxy.freezes import Freezes
from hyok.proxy.health import HealthMonitor
from hyok.proxy.keystores import Credential, ExternalKey, ExternalKeys, KeyStore, KeyStoreDirectory
from hyok.proxy.operations.get_health_status import ProxyIdentity
from hyok.proxy.pipeline import ProxyService
from hyok.secret import Secret
from hyok.sigv4.signing import SigningKeys, sign
from hyok.storage.engine import open_storage
from hyok.storage.schema import Side
from hyok.transport.messages import HttpRequest, HttpResponse, Peer
from tests.unit.audit.logs import new_signer, requests_in

NOW = 1_764_000_000.25
KEY = "alpha-key"
BETA_KEY = "beta-key"
ENCRYPT_ONLY_KEY = "encrypt-only-key"
DECRYPT_ONLY_KEY = "decrypt-only-key"
DISABLED_KEY = "disabled-key"
ROTATED_KEY = "rotated-key"
UNOFFERED_KEY = "only-the-manager-knows-this-key"
MANAGER = "software"


class Signer(NamedTuple):
    """A credential as AWS KMS holds it."""

    access_key_id: str
    secret: Secret


ALPHA_SIGNER = Signer("AKALPHA2222222222222", Secret(b"alpha+secret/alpha+secret/alpha+secret/alpha+secr"))
ALPHA_SECOND_SIGNER = Signer("AKALPHA3333333333333", Secret(b"second+secret/second+secret/second+secret/second+"))
BETA_SIGNER = Signer("AKBETA22222222222222", Secret(b"beta+secret/beta+secret/beta+secret/beta+secret/b"))


class FixedClock:
    """Always the same time, until it is set."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> float:
        return self.time


class Stage:
    """Two key stores, alpha and beta, on the same key manager, and the proxy that serves them."""

    def __init__(self, manager: KeyManager, audit_directory: Path) -> None:
        self.clock = FixedClock()
        self.is_stale = False
        self.freezes = Freezes()
        self.uses: list[tuple[str, float]] = []
        self.managers: dict[str, KeyManager] = {MANAGER: manager}
        offered = (KEY, ENCRYPT_ONLY_KEY, DECRYPT_ONLY_KEY, DISABLED_KEY, ROTATED_KEY)
        self.key_stores = KeyStoreDirectory(
            (
                make_key_store("alpha", (ALPHA_SIGNER, ALPHA_SECOND_SIGNER), offered),
                make_key_store("beta", (BETA_SIGNER,), (BETA_KEY,)),
            )
        )
        self.audit = open_audit_log(audit_directory, service="proxy", signer=new_signer(), now=self.clock.now)
        self.metrics = MetricsRegistry()
        self.health = HealthMonitor(self.managers)
        self.service = ProxyService(
            identity=ProxyIdentity("1.2.3", fleet_size=lambda: 2),
            key_stores=self.key_stores,
            key_managers=self.managers,
            health=self.health,
            audit=self.audit,
            metrics=self.metrics,
            clock=self.clock,
            freezes=self.freezes,
            is_stale=lambda: self.is_stale,
            note_use=lambda access_key_id, now: self.uses.append((access_key_id, now)),
        )

    def close(self) -> None:
        self.audit.close()

    def change_key_store(self, name: str, **changes: Any) -> None:
        """Replace a key store as the change log would."""
        key_store = self.key_stores.named(name)
        assert key_store is not None
        self.key_stores.replace({name: replace(key_store, **changes)})

    def ask(self, request: HttpRequest) -> HttpResponse:
        """Answer without a loop: fails if anything waits."""
        try:
            self.service.answer(request).send(None)
        except StopIteration as end:
            response: HttpResponse = end.value
            return response
        raise AssertionError("the answer waited for something")

    def ask_on_loop(self, request: HttpRequest) -> HttpResponse:
        """Answer on a loop, where the key manager may wait."""
        return asyncio.run(self.service.answer(request))

    def encrypt(self, **changes: Any) -> dict[str, Any]:
        """Encrypt under KEY of alpha and return what it answers."""
        return content_of(self.ask(encrypt_request(**changes)))

    def records(self) -> list[dict[str, Any]]:
        """Write what the log holds and read it back."""
        self.service.before_answers_leave()
        return requests_in(self.audit.path)


@contextmanager
def open_key_manager(directory: Path) -> Iterator[EmbeddedKeyManager]:
    """Make a real key manager with all keys that the tests name."""
    storage = open_storage(f"sqlite:///{directory / 'hyok.db'}", Side.HOLDER)
    safe = open_safe(storage, LocalRootKey(Secret(os.urandom(32))))
    administrator = EmbeddedKeyAdministrator(storage, safe, SystemClock())
    for key_id in (KEY, BETA_KEY, UNOFFERED_KEY, DISABLED_KEY, ROTATED_KEY):
        administrator.create_key(key_id, frozenset(KeyUsage))
    administrator.create_key(ENCRYPT_ONLY_KEY, frozenset({KeyUsage.ENCRYPT}))
    administrator.create_key(DECRYPT_ONLY_KEY, frozenset({KeyUsage.DECRYPT}))
    administrator.disable_key(DISABLED_KEY)
    administrator.rotate_key(ROTATED_KEY)
    manager = EmbeddedKeyManager(storage, Leasing(safe, SystemClock()))
    asyncio.run(take_leases(manager))
    yield manager
    storage.close()


async def take_leases(manager: EmbeddedKeyManager) -> None:
    """Let each key encrypt once, so that no later encryption waits."""
    for version in (
        *(KeyVersion(key_id, 1) for key_id in (KEY, BETA_KEY, ENCRYPT_ONLY_KEY)),
        KeyVersion(ROTATED_KEY, 2),
    ):
        await manager.encrypt(version, b"first", b"", NO_DEADLINE)


def make_key_store(name: str, signers: tuple[Signer, ...], key_ids: tuple[str, ...]) -> KeyStore:
    """Make a key store at `/<name>` whose external keys have the manager's own ids."""
    return KeyStore(
        name=name,
        path_prefix=f"/{name}",
        regions=frozenset(),
        credentials={
            signer.access_key_id.encode(): Credential(signer.access_key_id, SigningKeys(signer.secret))
            for signer in signers
        },
        external_keys=ExternalKeys(ExternalKey(key_id, MANAGER, key_id) for key_id in key_ids),
    )


def make_request(
    target: str,
    body: bytes,
    *,
    method: str = "POST",
    signer: Signer = ALPHA_SIGNER,
    region: str = "eu-central-1",
    service: str = "kms-xks-proxy",
    signed_at: float = NOW,
) -> HttpRequest:
    """Make a request, signed as AWS KMS signs, that has just arrived."""
    request = HttpRequest(Peer("192.0.2.7:4711", "cks.kms.eu-central-1.amazonaws.com"))
    request.method, request.target, request.body, request.host = method.encode(), target.encode(), body, b"xks.test"
    added = dict(
        sign(
            method=request.method,
            target=request.target,
            headers=[(b"host", request.host)],
            body=body,
            access_key_id=signer.access_key_id,
            secret=signer.secret,
            region=region,
            service=service,
            now=signed_at,
        )
    )
    request.amz_date, request.authorization = added[b"x-amz-date"], added[b"authorization"]
    request.headers = [(b"host", request.host), *added.items()]
    request.received_at = time.monotonic()
    request.deadline = deadline_in(0.2)
    return request


def metadata(**changes: Any) -> dict[str, Any]:
    """Return a requestMetadata."""
    return {
        "awsPrincipalArn": "arn:aws:iam::123456789012:user/Alice",
        "kmsOperation": "Encrypt",
        "kmsRequestId": "4112f4d6-db54-4af4-ae30-c55a22a8dfae",
        "kmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        **changes,
    }


def encrypt_request(
    *,
    key_store: str = "alpha",
    key_id: str = KEY,
    signer: Signer = ALPHA_SIGNER,
    plaintext: bytes = b"a data key",
    aad: bytes | None = b"project=nile",
    with_integrity_value: bool = True,
    **changes: Any,
) -> HttpRequest:
    """Make an Encrypt; `changes` are fields of the body."""
    content: dict[str, Any] = {
        "requestMetadata": metadata(),
        "plaintext": to_base64(plaintext),
        "encryptionAlgorithm": "AES_GCM",
    }
    if aad is not None:
        content["additionalAuthenticatedData"] = to_base64(aad)
    if with_integrity_value:
        content["ciphertextDataIntegrityValueAlgorithm"] = "SHA_256"
    return key_request("encrypt", content | changes, key_store=key_store, key_id=key_id, signer=signer)


def decrypt_request(
    encrypted: Mapping[str, Any],
    *,
    key_store: str = "alpha",
    key_id: str = KEY,
    signer: Signer = ALPHA_SIGNER,
    aad: bytes | None = b"project=nile",
    **changes: Any,
) -> HttpRequest:
    """Make a Decrypt of what an Encrypt answered; `changes` are fields of the body."""
    content: dict[str, Any] = {
        "requestMetadata": metadata(kmsOperation="Decrypt"),
        "encryptionAlgorithm": "AES_GCM",
        **{name: value for name, value in encrypted.items() if name != "ciphertextDataIntegrityValue"},
    }
    if aad is not None:
        content["additionalAuthenticatedData"] = to_base64(aad)
    return key_request("decrypt", content | changes, key_store=key_store, key_id=key_id, signer=signer)


def metadata_request(
    *, key_store: str = "alpha", key_id: str = KEY, signer: Signer = ALPHA_SIGNER, **changes: Any
) -> HttpRequest:
    """Make a GetKeyMetadata."""
    content = {"requestMetadata": metadata(kmsOperation="CreateKey"), **changes}
    return key_request("metadata", content, key_store=key_store, key_id=key_id, signer=signer)


def health_request(*, key_store: str = "alpha", signer: Signer = ALPHA_SIGNER) -> HttpRequest:
    """Make a GetHealthStatus."""
    asked = {"requestMetadata": {"kmsRequestId": "4112f4d6", "kmsOperation": "KmsHealthCheck"}}
    return make_request(f"/{key_store}/kms/xks/v1/health", json.dumps(asked).encode(), signer=signer)


def key_request(
    operation: str, content: Mapping[str, Any], *, key_store: str, key_id: str, signer: Signer
) -> HttpRequest:
    """Make a request about a key."""
    present = {name: value for name, value in content.items() if value is not None}
    target = f"/{key_store}/kms/xks/v1/keys/{key_id}/{operation}"
    return make_request(target, json.dumps(present).encode(), signer=signer)


def content_of(response: HttpResponse) -> dict[str, Any]:
    """Return the content of a successful answer."""
    assert response.status == 200, response.body
    content: dict[str, Any] = json.loads(response.body)
    return content


def error_of(response: HttpResponse) -> tuple[int, str]:
    """Return status and error name."""
    return response.status, json.loads(response.body)["errorName"]


def to_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def from_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
