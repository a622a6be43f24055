"""A KMS service in memory over a real SQLite storage, its external keys played by AES-GCM in this process."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hyok.awsjson.errors import AwsError
from hyok.awsjson.service import ServiceModel, load_service_model
from hyok.clock import AdjustableClock, Deadline, SystemClock
from hyok.custody.root_key import LocalRootKey
from hyok.custody.safe import open_safe
from hyok.kms.call import Call
from hyok.kms.call_attributes import GivenAttributes
from hyok.kms.caller import AnyCredentials, Caller
from hyok.kms.connection_state import ConnectionState
from hyok.kms.custom_key_stores import Connectivity, CustomKeyStore, CustomKeyStoreDirectory, ProxyCredential
from hyok.kms.events.calls import Events
from hyok.kms.external_failures import ExternalFailure, for_create_key, for_crypto
from hyok.kms.key_space import open_key_space, operation_families
from hyok.kms.pipeline import KmsService
from hyok.kms.principals import IdentityPolicy, make_identity
from hyok.kms.request_quotas import RequestQuotas
from hyok.kms.resource_quotas import ResourceQuotas
from hyok.kms.schedule import KeySchedule
from hyok.kms.store_repository import CustomKeyStoreRepository
from hyok.kms.values import ExternalKeyReference, KmsKey, OuterSealed, RotationType
from hyok.secret import Secret
from hyok.storage.engine import open_storage
from hyok.storage.schema import Side
from hyok.transport.messages import HttpRequest, HttpResponse, Peer
from tests.storages import storage_url
from tests.unit.kms.modelled import assert_conforms, assert_known

ACCOUNT = "123456789012"
OTHER_ACCOUNT = "210987654321"
REGION = "eu-central-1"
OTHER_REGION = "eu-west-1"
STORE_ID = "cks-0123456789abcdef0"
XKS_KEY_ID = "held-key"
ROOT = LocalRootKey(Secret(bytes(range(32))))
METADATA = b"\x01\x00\x00\x00\x01"
BLOBS = frozenset({"CiphertextBlob", "Plaintext", "PrivateKeyCiphertextBlob", "PrivateKeyPlaintext", "PublicKey"})
PEER = Peer("127.0.0.1:50000", "")

MODEL: ServiceModel = load_service_model()

STORE = CustomKeyStore(
    account=ACCOUNT,
    region=REGION,
    id=STORE_ID,
    name="held",
    connectivity=Connectivity.PUBLIC_ENDPOINT,
    uri_endpoint="https://xks.example.com",
    uri_path="/held/kms/xks/v1",
    vpc_endpoint_service=None,
    credential=ProxyCredential("ABCDEFGHIJKLMNOPQRST", Secret(b"DXjSUawnel2fr6SKC7G25CNxTyWKE5PF9XX6H/u9pSo=")),
    credential_set_at=1.0,
    state=ConnectionState.CONNECTED,
    connection_error=None,
    created_at=1.0,
)


class ExternalKeysInMemory:
    """What a holder's key manager and proxy would do, and what they were asked."""

    def __init__(self, stores: CustomKeyStoreDirectory) -> None:
        self.keys: dict[str, AESGCM] = {XKS_KEY_ID: AESGCM(bytes(32)), "other-key": AESGCM(bytes([1] * 32))}
        self.asked: list[str] = []
        self.plaintexts: list[bytes] = []
        """What the proxy was given to encrypt."""
        self.failure: ExternalFailure | None = None
        self.lie: bytes | None = None
        """What the proxy decrypts everything to, if it lies."""
        self._stores = stores

    async def check_new(self, call: Call, store_id: str, xks_key_id: str) -> None:
        if self._stores.get(store_id).state is not ConnectionState.CONNECTED:
            raise for_create_key(ExternalFailure.STORE_NOT_CONNECTED)
        self.asked.append("GetKeyMetadata")
        await asyncio.sleep(0)
        if xks_key_id not in self.keys:
            raise for_create_key(ExternalFailure.KEY_NOT_FOUND)

    async def seal(self, call: Call, key: KmsKey, inner: bytes, aad: bytes) -> OuterSealed:
        self.plaintexts.append(inner)
        external_key = await self._use("Encrypt", key)
        iv = os.urandom(12)
        sealed = external_key.encrypt(iv, inner, aad + METADATA)
        return OuterSealed(sealed[:-16], iv, sealed[-16:], METADATA)

    async def open(self, call: Call, key: KmsKey, outer: OuterSealed, aad: bytes) -> bytes:
        external_key = await self._use("Decrypt", key)
        if self.lie is not None:
            return self.lie
        try:
            return external_key.decrypt(outer.iv, outer.ciphertext + outer.tag, aad + outer.metadata)
        except InvalidTag as error:
            raise for_crypto(ExternalFailure.CIPHERTEXT_REJECTED) from error

    async def _use(self, operation: str, key: KmsKey) -> AESGCM:
        self.asked.append(operation)
        await asyncio.sleep(0)
        if self.failure is not None:
            raise for_crypto(self.failure)
        assert key.external_key is not None
        return self.keys[key.external_key.xks_key_id]


class KnownCallers:
    """Any credentials, and besides them callers whose ARN and identity policies a test gives."""

    def __init__(self) -> None:
        self._any = AnyCredentials(account=ACCOUNT, region=REGION)
        self._known: dict[bytes, Caller] = {}

    def add(self, arn: str, *statements: Mapping[str, object], **tags: str) -> str:
        """Add a caller with one identity policy of these statements; returns its access key id."""
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        policies = [IdentityPolicy("test", document)] if statements else []
        access_key_id = f"KNOWN{len(self._known)}"
        caller = Caller(arn.split(":")[4], REGION, arn, access_key_id, make_identity(policies, tags))
        self._known[access_key_id.encode()] = caller
        return access_key_id

    def identify(self, request: HttpRequest) -> Caller:
        for access_key_id, known in self._known.items():
            if b"Credential=%b/" % access_key_id in request.authorization:
                return known
        return self._any.identify(request)


class RunningKms:
    """The service, and what stands around it."""

    def __init__(
        self,
        directory: Path,
        runner: asyncio.Runner,
        *,
        events: Events | None = None,
        attributes: GivenAttributes | None = None,
        resource_quotas: ResourceQuotas | None = None,
        request_quotas: RequestQuotas | None = None,
    ) -> None:
        self._runner = runner
        self.storage = open_storage(storage_url(directory / "kms.db", Side.KMS), Side.KMS)
        safe = open_safe(self.storage, ROOT)
        clock = SystemClock()
        self.schedule_clock = AdjustableClock(clock)
        self._repository = CustomKeyStoreRepository(self.storage, safe, clock)
        self.stores = CustomKeyStoreDirectory(self.run(self._repository.load()))
        self.external_keys = ExternalKeysInMemory(self.stores)
        self.space = open_key_space(self.storage, safe, clock, resource_quotas)
        self.callers = KnownCallers()
        self.schedule = KeySchedule(self.space.keys, self.schedule_clock, events)
        self.service = KmsService(
            model=MODEL,
            families=operation_families(
                self.space,
                stores=self.stores,
                external_keys=self.external_keys,
                clock=clock,
                schedule_clock=self.schedule_clock,
            ),
            identification=self.callers,
            authorization=self.space.authorization,
            events=events,
            attributes=attributes,
            quotas=request_quotas,
        )

    def run(self, coroutine: Any) -> Any:
        return self._runner.run(coroutine)

    def answer(self, request: HttpRequest) -> HttpResponse:
        response: HttpResponse = self.run(self.service.answer(request))
        return response

    def add_store(self) -> None:
        self.run(self._repository.add(STORE))
        self.stores.put(STORE)

    def set_store_state(self, state: ConnectionState) -> None:
        self.stores.put(replace(self.stores.get(STORE_ID), state=state))

    def call(
        self,
        operation: str,
        request: Mapping[str, object],
        *,
        account: str = ACCOUNT,
        region: str = REGION,
        caller: str = "",
    ) -> dict[str, Any]:
        """Return the decoded output, blobs as bytes; raise the AwsError that the answer carries.

        The caller is the account's root user, unless one that `callers` knows is given.
        """
        response = self.answer(signed_request(operation, request, access_key_id=caller or account, region=region))
        document = json.loads(response.body) if response.body else {}
        if response.status != 200:
            assert_known(operation, document["__type"])
            raise AwsError(document["__type"], document.get("message", document.get("Message")))
        assert_conforms(operation, document)
        return {name: base64.b64decode(value) if name in BLOBS else value for name, value in document.items()}

    def create_key(self, **request: object) -> str:
        """Make an ordinary key, or as asked, and return its ARN."""
        arn: str = self.call("CreateKey", request)["KeyMetadata"]["Arn"]
        return arn

    def create_external_key(self, xks_key_id: str = XKS_KEY_ID) -> str:
        """Make a key in the external key store and return its ARN."""
        return self.create_key(Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=STORE_ID, XksKeyId=xks_key_id)

    def find(self, arn: str) -> KmsKey:
        _, _, _, region, account, _ = arn.split(":", 5)
        return self.space.keys.find_by_id(a_call(account=account, region=region), arn)

    async def rotate(self, key: KmsKey) -> None:
        await self.space.keys.rotate(key, lambda key: key, rotation_type=RotationType.ON_DEMAND, at=1.0)

    def delete(self, arn: str) -> None:
        """Delete a key for good, as its schedule would."""
        self.call("ScheduleKeyDeletion", {"KeyId": arn, "PendingWindowInDays": 7})
        self.schedule_clock.advance(7 * 86_400 + 1)
        self.run(self.schedule.delete_due())

    def is_tied(self, xks_key_id: str) -> bool:
        try:
            self.space.keys.require_untied(ExternalKeyReference(STORE_ID, xks_key_id))
        except AwsError:
            return True
        return False


@contextmanager
def running_kms(directory: Path, **options: Any) -> Iterator[RunningKms]:
    """Start a KMS on a directory's storage, with options of `RunningKms`, and stop it."""
    with asyncio.Runner() as runner:
        kms = RunningKms(directory, runner, **options)
        try:
            yield kms
        finally:
            kms.storage.close()


def a_call(operation: str = "Decrypt", *, account: str = ACCOUNT, region: str = REGION) -> Call:
    principal = f"arn:aws:iam::{account}:root"
    return Call("9e3b8f0c-6f3a-4a8e-9d6c-0f6f7a1b2c3d", operation, account, region, principal, "", "", "")


def authorization(access_key_id: str = ACCOUNT, region: str = REGION, service: str = "kms") -> bytes:
    """What botocore sends; nobody looks at the signature yet."""
    return (
        f"AWS4-HMAC-SHA256 Credential={access_key_id}/20261124/{region}/{service}/aws4_request, "
        f"SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={'0' * 64}"
    ).encode()


def signed_request(
    operation: str, request: Mapping[str, object], *, access_key_id: str = ACCOUNT, region: str = REGION
) -> HttpRequest:
    """A request as botocore writes it; bytes become Base64."""
    body = json.dumps(request, default=lambda value: base64.b64encode(value).decode()).encode()
    return http_request(
        body=body,
        authorization=authorization(access_key_id, region),
        headers=[
            (b"x-amz-target", f"TrentService.{operation}".encode()),
            (b"content-type", b"application/x-amz-json-1.1"),
        ],
    )


def http_request(
    *,
    method: bytes = b"POST",
    target: bytes = b"/",
    body: bytes = b"",
    authorization: bytes = b"",
    headers: list[tuple[bytes, bytes]] | None = None,
) -> HttpRequest:
    request = HttpRequest(PEER)
    request.method = method
    request.target = target
    request.host = b"127.0.0.1:4580"
    request.amz_date = b"20261124T060000Z"
    request.authorization = authorization
    request.body = body
    request.headers = [(b"host", request.host), (b"x-amz-date", request.amz_date), *(headers or [])]
    if authorization:
        request.headers.append((b"authorization", authorization))
    request.deadline = Deadline(float("inf"))
    return request
