"""A proxy that really runs: storage, change log, audit log, TLS on a free port, in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import ssl
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import trustme
import uvloop
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from hyok.administration.credentials import CredentialPair, create_credential
from hyok.administration.external_keys import add_external_key
from hyok.administration.keystores import create_key_store
from hyok.audit.opening import open_audit_log
from hyok.clock import SystemClock
from hyok.custody.records import Author, Recorder
from hyok.custody.root_key import LocalRootKey
from hyok.custody.rulings import Judge
from hyok.custody.safe import open_safe
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.embedded.leasing import Leasing
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.keymanagers.interface import KeyManager, KeyUsage
from hyok.metrics.registry import MetricsRegistry
from hyok.proxy.health import HealthMonitor
from hyok.proxy.operations.get_health_status import ProxyIdentity
from hyok.proxy.pipeline import ProxyService
from hyok.proxy.stored_freezes import StoredFreezes
from hyok.proxy.stored_keystores import StoredKeyStores
from hyok.proxy.usage import CredentialUsage
from hyok.secret import Secret
from hyok.storage.changes import Change, current_position
from hyok.storage.engine import open_storage
from hyok.storage.follower import ChangeFollower
from hyok.storage.schema import Side
from hyok.transport.serving import Endpoint, serve
from hyok.transport.sockets import Address
from hyok.transport.tls import ClientCertificates, server_context
from tests.unit.audit.logs import new_signer, requests_in
from tests.unit.proxy.stage import metadata as request_metadata
from tests.unit.proxy.stage import to_base64
from tests.unit.transport.certificates import authority_source, key_pair

KEY = "live-key"
KMS_SUBJECT = "cks.kms.eu-central-1.amazonaws.com"


class Answer(NamedTuple):
    """What a client sees."""

    status: int
    content: Any
    seconds: float


class LiveProxy:
    """The proxy, and what an operator does beside it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = SystemClock()
        self.storage = open_storage(f"sqlite:///{directory / 'hyok.db'}", Side.HOLDER)
        self.safe = open_safe(self.storage, LocalRootKey(Secret(os.urandom(32))))
        self.recorder = Recorder(self.safe, self.clock, Author("operator", "localhost"))
        self.judge = Judge(self.safe, {})
        self.administrator = EmbeddedKeyAdministrator(self.storage, self.safe, self.clock)
        self.administrator.create_key(KEY, frozenset(KeyUsage))
        create_key_store(self.storage, self.clock, name="live")
        self.credential = self.add_credential()
        add_external_key(
            self.storage,
            self.clock,
            key_store="live",
            external_key_id=KEY,
            key_manager="software",
            manager_key_id=KEY,
        )
        self.managers: dict[str, KeyManager] = {}
        self.metrics = MetricsRegistry()
        self.authority = trustme.CA()
        self.address = Address("", 0)
        self._is_serving = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._serve()))

    def add_credential(self) -> CredentialPair:
        return create_credential(self.storage, self.safe, self.clock, key_store="live")

    def __enter__(self) -> LiveProxy:
        self._thread.start()
        assert self._is_serving.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()
        self.storage.close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        with self.storage.reading() as connection:
            position = current_position(connection)
        embedded = EmbeddedKeyManager(self.storage, Leasing(self.safe, self.clock))
        self.managers["software"] = embedded
        freezes = StoredFreezes(self.storage, self.judge, forget_keys=embedded.forget_material)
        stored = StoredKeyStores(self.storage, self.safe)

        async def apply(changes: Any) -> None:
            kept: tuple[Change, ...] = tuple(changes)
            await freezes.apply(kept)
            await embedded.apply(kept)
            await stored.apply(kept)

        follower = ChangeFollower(self.storage, apply, position=position, stale_after_seconds=5)
        health = HealthMonitor(self.managers)
        self.audit = open_audit_log(self.directory / "audit", service="proxy", signer=new_signer())
        service = ProxyService(
            identity=ProxyIdentity("0", lambda: 1),
            key_stores=stored.directory,
            key_managers=self.managers,
            health=health,
            audit=self.audit,
            metrics=self.metrics,
            clock=self.clock,
            freezes=freezes.freezes,
            is_stale=follower.is_stale,
            note_use=CredentialUsage(self.storage).note,
        )
        clients = ClientCertificates(authority_source(self.authority), frozenset({KMS_SUBJECT}))
        tls = server_context(key_pair(self.authority, "localhost"), clients).context
        background = [asyncio.create_task(follower.follow()), asyncio.create_task(health.keep_fresh())]
        async with serve([Endpoint("proxy", Address("127.0.0.1", 0), service, tls)]) as running:
            self.address = running.address("proxy")
            self._is_serving.set()
            await self._stop.wait()
        for task in background:
            task.cancel()
        await asyncio.wait(background)
        self.audit.close()

    def client_context(self) -> ssl.SSLContext:
        """Return what AWS KMS connects with: its client certificate, and trust in the proxy's."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.authority.configure_trust(context)
        self.authority.issue_cert("kms.test", common_name=KMS_SUBJECT).configure_cert(context)
        return context

    def connect(self) -> Client:
        """Open a connection as AWS KMS does."""
        context = self.client_context()
        return Client(self, http.client.HTTPSConnection("localhost", self.address.port, timeout=5, context=context))

    def records(self) -> list[dict[str, Any]]:
        """Read what is in the audit log's file right now."""
        return requests_in(self.audit.path)


class Client:
    """One kept connection, requests signed by botocore."""

    def __init__(self, proxy: LiveProxy, connection: http.client.HTTPSConnection) -> None:
        self.proxy = proxy
        self.connection = connection

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def ask(self, path: str, content: Any, *, credential: CredentialPair | None = None, method: str = "POST") -> Answer:
        """Send a signed request below the key store's URI path and read the answer."""
        return self.send(*self.sign(path, content, credential=credential, method=method))

    def sign(
        self, path: str, content: Any, *, credential: CredentialPair | None = None, method: str = "POST"
    ) -> tuple[str, str, bytes, dict[str, str]]:
        """Return a signed request below the key store's URI path: method, target, body, headers."""
        pair = credential or self.proxy.credential
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        target = f"/live/kms/xks/v1{path}"
        url = f"https://localhost:{self.proxy.address.port}{target}"
        request = AWSRequest(method, url, {"content-type": "application/json"}, body)
        secret = pair.secret_access_key.reveal().decode()
        SigV4Auth(Credentials(pair.access_key_id, secret), "kms-xks-proxy", "eu-central-1").add_auth(request)
        return method, target, body, dict(request.headers)

    def send(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Send a request as it is given and read the answer."""
        began = time.monotonic()
        self.connection.request(method, target, body, headers)
        response = self.connection.getresponse()
        answered = response.read()
        is_json = response.headers.get_content_type() == "application/json" and answered
        return Answer(response.status, json.loads(answered) if is_json else answered, time.monotonic() - began)

    def encrypt(self, plaintext: bytes = b"a data key", **metadata: str) -> Answer:
        """Ask for an Encrypt with an integrity value."""
        return self.ask(f"/keys/{KEY}/encrypt", encrypt_content(plaintext, **metadata))

    def decrypt(self, encrypted: Mapping[str, Any]) -> Answer:
        """Ask for the Decrypt of what an Encrypt answered."""
        fields = {name: value for name, value in encrypted.items() if name != "ciphertextDataIntegrityValue"}
        content = {"requestMetadata": request_metadata(kmsOperation="Decrypt"), "encryptionAlgorithm": "AES_GCM"}
        return self.ask(f"/keys/{KEY}/decrypt", content | fields)


def encrypt_content(plaintext: bytes, **metadata: str) -> dict[str, Any]:
    """Return the body of an Encrypt."""
    return {
        "requestMetadata": request_metadata(**metadata),
        "plaintext": to_base64(plaintext),
        "encryptionAlgorithm": "AES_GCM",
        "ciphertextDataIntegrityValueAlgorithm": "SHA_256",
    }
