"""The KMS side with real external key stores: storage, TLS client, connections; the proxy is scripted."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

import trustme
from sqlalchemy import Connection

from hyok.awsjson.errors import AwsError
from hyok.clock import AdjustableClock, SystemClock
from hyok.custody.safe import open_safe
from hyok.kms.caller import AnyCredentials
from hyok.kms.connection import ProxyConnections
from hyok.kms.custom_key_stores import CustomKeyStoreDirectory
from hyok.kms.endpoints import ProxyEndpoints
from hyok.kms.external_keys import ExternalKeys
from hyok.kms.key_space import open_key_space, operation_families
from hyok.kms.operations.custom_key_stores import CustomKeyStoreOperations
from hyok.kms.pipeline import KmsService
from hyok.kms.request_quotas import RequestQuotas
from hyok.kms.store_lifecycle import StoreLifecycle
from hyok.kms.store_repository import CustomKeyStoreRepository
from hyok.kms.store_transitions import LifecycleTimes
from hyok.kms.vpc_endpoint_services import EndpointService, EndpointServices
from hyok.secret import Secret
from hyok.storage.engine import open_storage
from hyok.storage.schema import Side
from hyok.transport.pem import PemSource
from hyok.transport.sockets import Address
from hyok.transport.tls import KeyPair, client_context
from tests.storages import storage_url
from tests.unit.kms.modelled import assert_conforms, assert_known
from tests.unit.kms.running import ACCOUNT, MODEL, REGION, ROOT, signed_request

T = TypeVar("T")

HOST = "xks.hyok.test"
SECRET = "DXjSUawnel2fr6SKC7G25CNxTyWKE5PF9XX6H/u9pSo="
NEW_STORE: Mapping[str, object] = {
    "CustomKeyStoreName": "held",
    "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
    "XksProxyConnectivity": "PUBLIC_ENDPOINT",
    "XksProxyUriEndpoint": f"https://{HOST}",
    "XksProxyUriPath": "/held/kms/xks/v1",
    "XksProxyAuthenticationCredential": {"AccessKeyId": "ABCDEFGHIJKLMNOPQRST", "RawSecretAccessKey": SECRET},
}
QUICK = LifecycleTimes(settle_seconds=0.01, health_check_seconds=3600.0)


def server_tls(certificate: trustme.LeafCert, *, client_authority: trustme.CA | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    if client_authority is not None:
        client_authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        # With TLS 1.3 a refused client has finished its handshake by then, and asyncio keeps the reason to itself.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


class Rig:
    """A KMS service whose external key stores are real."""

    def __init__(
        self,
        directory: Path,
        runner: asyncio.Runner,
        *,
        authority: trustme.CA,
        ports: Mapping[str, int],
        times: LifecycleTimes = QUICK,
        client_certificate: trustme.LeafCert | None = None,
        services: Iterable[EndpointService] = (),
        quotas: RequestQuotas | None = None,
    ) -> None:
        self._runner = runner
        self._storage = open_storage(storage_url(directory / "kms.db", Side.KMS), Side.KMS)
        safe = open_safe(self._storage, ROOT)
        clock = SystemClock()
        self.space = open_key_space(self._storage, safe, clock)
        endpoints = ProxyEndpoints(
            client_context(_pem(authority.cert_pem), _key_pair(client_certificate)),
            endpoint_map={host: Address("127.0.0.1", port) for host, port in ports.items()},
            services=EndpointServices(services),
        )
        self.stores = CustomKeyStoreDirectory()
        self.connections = ProxyConnections(endpoints, clock)
        self.lifecycle = StoreLifecycle(
            directory=self.stores,
            repository=CustomKeyStoreRepository(self._storage, safe, clock, self.space.turns),
            connections=self.connections,
            has_keys=lambda store_id: bool(self.space.keys.of_store(store_id)),
            times=times,
            turns=self.space.turns,
        )
        operations = CustomKeyStoreOperations(
            directory=self.stores, lifecycle=self.lifecycle, connections=self.connections, clock=clock
        )
        families = operation_families(
            self.space,
            stores=self.stores,
            external_keys=ExternalKeys(self.connections, quotas),
            clock=clock,
            schedule_clock=AdjustableClock(clock),
        )
        self._service = KmsService(
            model=MODEL,
            families=(*families, operations),
            identification=AnyCredentials(account=ACCOUNT, region=REGION),
            authorization=self.space.authorization,
        )
        self.run(self.lifecycle.start())

    def close(self) -> None:
        self.run(self.lifecycle.aclose())
        self._storage.close()

    def reading(self) -> AbstractContextManager[Connection]:
        return self._storage.reading()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    async def answer(
        self, operation: str, request: Mapping[str, object], *, account: str = ACCOUNT, region: str = REGION
    ) -> tuple[int, dict[str, Any]]:
        """Return an answer's HTTP status and JSON document."""
        response = await self._service.answer(signed_request(operation, request, access_key_id=account, region=region))
        document = json.loads(response.body) if response.body else {}
        if response.status != 200:
            assert_known(operation, document["__type"])
        else:
            assert_conforms(operation, document)
        return response.status, document

    async def ask(
        self, operation: str, request: Mapping[str, object], *, account: str = ACCOUNT, region: str = REGION
    ) -> dict[str, Any]:
        """Return the decoded output, blobs as bytes; raise the AwsError that the answer carries."""
        status, document = await self.answer(operation, request, account=account, region=region)
        if status != 200:
            raise AwsError(document["__type"], document.get("message", document.get("Message")))
        return {
            name: base64.b64decode(value) if name in ("CiphertextBlob", "Plaintext") else value
            for name, value in document.items()
        }

    def call(self, operation: str, **request: object) -> dict[str, Any]:
        return self.run(self.ask(operation, request))

    def create_store(self, **changed: object) -> str:
        store_id: str = self.call("CreateCustomKeyStore", **{**NEW_STORE, **changed})["CustomKeyStoreId"]
        return store_id

    def create_connected_store(self, **changed: object) -> str:
        store_id = self.create_store(**changed)
        self.call("ConnectCustomKeyStore", CustomKeyStoreId=store_id)
        assert self.settled(store_id)["ConnectionState"] == "CONNECTED"
        return store_id

    def create_key(self, store_id: str, xks_key_id: str = "key-1") -> str:
        request = {"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": store_id, "XksKeyId": xks_key_id}
        arn: str = self.call("CreateKey", **request)["KeyMetadata"]["Arn"]
        return arn

    def describe(self, store_id: str) -> dict[str, Any]:
        entry: dict[str, Any] = self.call("DescribeCustomKeyStores", CustomKeyStoreId=store_id)["CustomKeyStores"][0]
        return entry

    def settled(self, store_id: str) -> dict[str, Any]:
        """Poll, as a client would, until the store is neither connecting nor disconnecting."""
        return self.run(self._settle(store_id))

    async def _settle(self, store_id: str) -> dict[str, Any]:
        async with asyncio.timeout(5):
            while True:
                answer = await self.ask("DescribeCustomKeyStores", {"CustomKeyStoreId": store_id})
                entry: dict[str, Any] = answer["CustomKeyStores"][0]
                if entry["ConnectionState"] not in ("CONNECTING", "DISCONNECTING"):
                    return entry
                await asyncio.sleep(0.005)


def _pem(blob: trustme.Blob) -> PemSource:
    return PemSource("test", Secret(blob.bytes()))


def _key_pair(certificate: trustme.LeafCert | None) -> KeyPair | None:
    if certificate is None:
        return None
    return KeyPair(_pem(certificate.cert_chain_pems[0]), _pem(certificate.private_key_pem))
