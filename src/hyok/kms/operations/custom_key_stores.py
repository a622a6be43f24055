"""CreateCustomKeyStore, ConnectCustomKeyStore, DescribeCustomKeyStores, UpdateCustomKeyStore and their inverses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hyok.clock import Clock
from hyok.kms.call import Call
from hyok.kms.connection import HealthQuestion, ProxyConnections
from hyok.kms.custom_key_stores import Connectivity, CustomKeyStore, CustomKeyStoreDirectory
from hyok.kms.errors import validation
from hyok.kms.external_failures import for_create_or_update
from hyok.kms.operation import Input, Operation, Output
from hyok.kms.pages import page_of
from hyok.kms.store_lifecycle import StoreChange, StoreLifecycle
from hyok.kms.store_properties import StoreProperties, refuse_cloudhsm
from hyok.kms.vpc_endpoint_services import EndpointServiceUnfit

_DEFAULT_LIMIT: Final = 100
_TIMESTAMP_DIGITS: Final = 3
"""AWS's timestamps have milliseconds."""


class CustomKeyStoreOperations:
    """The operations on external key stores."""

    def __init__(
        self,
        *,
        directory: CustomKeyStoreDirectory,
        lifecycle: StoreLifecycle,
        connections: ProxyConnections,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._lifecycle = lifecycle
        self._connections = connections
        self._clock = clock

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their AWS names."""
        return {
            "CreateCustomKeyStore": self.create,
            "ConnectCustomKeyStore": self.connect,
            "DisconnectCustomKeyStore": self.disconnect,
            "DescribeCustomKeyStores": self.describe,
            "UpdateCustomKeyStore": self.update,
            "DeleteCustomKeyStore": self.delete,
        }

    async def create(self, call: Call, request: Input) -> Output:
        """CreateCustomKeyStore: the new store is disconnected."""
        # 1. What the request says must make sense by itself.
        refuse_cloudhsm(request)
        store = StoreProperties.of(request, name="CustomKeyStoreName").new_store(call, now=self._now())
        # 2. It must have room beside the other stores.
        self._lifecycle.check_new(store)
        # 3. There must be a way to its proxy, which must answer. One behind a VPC endpoint service is first asked at
        #    ConnectCustomKeyStore.
        self._require_way(store)
        if store.connectivity is Connectivity.PUBLIC_ENDPOINT:
            await self._probe(store, call)
        await self._lifecycle.add(store)
        return {"CustomKeyStoreId": store.id}

    async def connect(self, call: Call, request: Input) -> Output:
        """ConnectCustomKeyStore: answers at once, the outcome is in DescribeCustomKeyStores."""
        await self._lifecycle.connect(call, request["CustomKeyStoreId"])
        return {}

    async def disconnect(self, call: Call, request: Input) -> Output:
        """DisconnectCustomKeyStore: from the answer on no KMS key of the store can be used."""
        await self._lifecycle.disconnect(call, request["CustomKeyStoreId"])
        return {}

    async def describe(self, call: Call, request: Input) -> Output:
        """DescribeCustomKeyStores: one store, or all of the account and Region in pages."""
        store_id, name = request.get("CustomKeyStoreId"), request.get("CustomKeyStoreName")
        if store_id is not None and name is not None:
            raise validation("Specify either CustomKeyStoreId or CustomKeyStoreName, not both.")
        if store_id is not None:
            found = self._directory.find(store_id, account=call.account, region=call.region)
            return {"CustomKeyStores": [_entry(found)], "Truncated": False}
        if name is not None:
            found = self._directory.find_by_name(name, account=call.account, region=call.region)
            return {"CustomKeyStores": [_entry(found)], "Truncated": False}
        stores = {store.id: store for store in self._directory.list(call.account, call.region)}
        page = page_of(list(stores), limit=request.get("Limit", _DEFAULT_LIMIT), marker=request.get("Marker"))
        return {"CustomKeyStores": [_entry(stores[store_id]) for store_id in page.names], **page.output()}

    async def update(self, call: Call, request: Input) -> Output:
        """UpdateCustomKeyStore: all that is given or, if anything is wrong with it, nothing."""
        store_id = request["CustomKeyStoreId"]
        self._directory.find(store_id, account=call.account, region=call.region)
        properties = StoreProperties.of(request, name="NewCustomKeyStoreName")
        if properties.is_empty:
            raise validation("Specify at least one property of the custom key store to update.")
        now = self._now()

        change = StoreChange(properties.update_operation, lambda store: properties.applied_to(store, now=now))
        # The proxy must answer under the new values before anything changes; the name is none of its business.
        changed = self._lifecycle.check_change(call, store_id, change)
        if properties.touches_proxy:
            self._require_way(changed)
            await self._probe(changed, call)
        await self._lifecycle.change(call, store_id, change)
        return {}

    async def delete(self, call: Call, request: Input) -> Output:
        """DeleteCustomKeyStore: nothing of the proxy or the key manager is touched."""
        await self._lifecycle.delete(call, request["CustomKeyStoreId"])
        return {}

    def _now(self) -> float:
        return round(self._clock.now(), _TIMESTAMP_DIGITS)

    def _require_way(self, store: CustomKeyStore) -> None:
        try:
            self._connections.require_way(store)
        except EndpointServiceUnfit as error:
            raise for_create_or_update(error.failure, str(error)) from error

    async def _probe(self, store: CustomKeyStore, call: Call) -> None:
        failure = await self._connections.probe(store, HealthQuestion(call.operation, call.request_id))
        if failure is not None:
            raise for_create_or_update(failure)


def _entry(store: CustomKeyStore) -> Output:
    proxy = {
        "Connectivity": store.connectivity.value,
        "AccessKeyId": store.credential.access_key_id,
        "UriEndpoint": store.uri_endpoint,
        "UriPath": store.uri_path,
    }
    if store.vpc_endpoint_service is not None:
        proxy["VpcEndpointServiceName"], proxy["VpcEndpointServiceOwner"] = store.vpc_endpoint_service
    entry: dict[str, object] = {
        "CustomKeyStoreId": store.id,
        "CustomKeyStoreName": store.name,
        "ConnectionState": store.state.value,
        "CreationDate": store.created_at,
        "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
        "XksProxyConfiguration": proxy,
    }
    if store.connection_error is not None:
        entry["ConnectionErrorCode"] = store.connection_error.value
    return entry
