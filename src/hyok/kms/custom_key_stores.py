"""Custom key stores: what one is, which may stand beside which others, and the directory of those that exist.

Pure and in memory. What is kept across restarts stands in `store_repository.py`, what runs in `connection.py`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from hyok.awsjson.errors import AwsError
from hyok.kms.connection_state import ConnectionErrorCode, ConnectionState
from hyok.kms.errors import limit_exceeded
from hyok.kms.resource_quotas import ResourceQuotas
from hyok.secret import Secret

_HTTPS: Final = "https://"


class Connectivity(Enum):
    """How KMS reaches the proxy of an external key store. The values are AWS's."""

    PUBLIC_ENDPOINT = "PUBLIC_ENDPOINT"
    VPC_ENDPOINT_SERVICE = "VPC_ENDPOINT_SERVICE"


class VpcEndpointService(NamedTuple):
    """The VPC endpoint service in front of a proxy."""

    name: str
    owner: str
    """The AWS account it belongs to: 12 digits."""


class ProxyCredential(NamedTuple):
    """What KMS signs its requests to a proxy with."""

    access_key_id: str
    secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomKeyStore:
    """An external key store, the one type of custom key store that hyok has."""

    account: str
    region: str
    id: str
    """`cks-` and 17 hexadecimal digits."""
    name: str
    """Unique in its account and Region."""
    connectivity: Connectivity
    uri_endpoint: str
    """`https://` and a host name; always port 443."""
    uri_path: str
    """The path that all of this store's XKS URIs begin with; it ends in `/kms/xks/v1`."""
    vpc_endpoint_service: VpcEndpointService | None
    """Present exactly if the connectivity is VPC_ENDPOINT_SERVICE."""
    credential: ProxyCredential
    credential_set_at: float
    """Unix seconds."""
    state: ConnectionState
    connection_error: ConnectionErrorCode | None
    """Present exactly if the state is FAILED."""
    created_at: float
    """Unix seconds."""

    @property
    def host(self) -> str:
        """The proxy's host name, as given."""
        return self.uri_endpoint.removeprefix(_HTTPS)

    def is_in(self, account: str, region: str) -> bool:
        """Tell whether the store belongs to this account and Region."""
        return self.account == account and self.region == region


def new_store_id() -> str:
    """Return a fresh id in AWS's form."""
    return f"cks-{secrets.token_hex(9)[:17]}"


class CustomKeyStoreDirectory:
    """The custom key stores of all accounts and Regions, in memory."""

    def __init__(
        self, stores: Iterable[CustomKeyStore] = (), *, per_account: int = ResourceQuotas().custom_key_stores
    ) -> None:
        """`per_account` is how many an account may have in a Region, whatever their states; 0 for any number."""
        self._per_account = per_account
        self._stores = {store.id: store for store in stores}

    def list(self, account: str, region: str) -> tuple[CustomKeyStore, ...]:
        """Return the stores of one account and Region, sorted by id."""
        present = (store for store in self._stores.values() if store.is_in(account, region))
        return tuple(sorted(present, key=lambda store: store.id))

    def find(self, store_id: str, *, account: str, region: str) -> CustomKeyStore:
        """Return a store by its id. CustomKeyStoreNotFoundException if this account has none such in this Region."""
        store = self._stores.get(store_id)
        if store is None or not store.is_in(account, region):
            raise _not_found(f"There is no custom key store with the ID {store_id!r} in this account and Region.")
        return store

    def find_by_name(self, name: str, *, account: str, region: str) -> CustomKeyStore:
        """Return a store by its name. CustomKeyStoreNotFoundException if this account has none such in this Region."""
        for store in self._stores.values():
            if store.name == name and store.is_in(account, region):
                return store
        raise _not_found(f"There is no custom key store with the name {name!r} in this account and Region.")

    def get(self, store_id: str) -> CustomKeyStore:
        """Return a store that is known to be there."""
        return self._stores[store_id]

    def all(self) -> tuple[CustomKeyStore, ...]:
        """Return every store, in no order."""
        return tuple(self._stores.values())

    def known(self, store_id: str) -> CustomKeyStore | None:
        """Return a store, if it is there."""
        return self._stores.get(store_id)

    def is_connected(self, store_id: str) -> bool:
        """Tell whether the KMS keys of a store may be used."""
        return self._stores[store_id].state is ConnectionState.CONNECTED

    def put(self, store: CustomKeyStore) -> None:
        """Add a store, or replace the one with its id."""
        self._stores[store.id] = store

    def remove(self, store_id: str) -> None:
        """Take a store out."""
        del self._stores[store_id]

    def check_room(self, account: str, region: str) -> None:
        """Refuse a store over the quota with LimitExceededException."""
        present = len(self.list(account, region))
        if 0 < self._per_account <= present:
            raise limit_exceeded(
                f"This account has {present} custom key stores in this Region; the quota is {self._per_account}."
            )

    def check_unique(self, candidate: CustomKeyStore) -> None:
        """Refuse a store that shares with another what must be its own: its name, its URI, its endpoint, its service.

        In this order; the store with the candidate's own id does not count. Host names differ in more than case.
        """
        others = [store for store in self._stores.values() if store.id != candidate.id]
        near = [store for store in others if store.is_in(candidate.account, candidate.region)]
        in_region = [store for store in others if store.region == candidate.region]
        if any(store.name == candidate.name for store in near):
            raise AwsError(
                "CustomKeyStoreNameInUseException",
                f"The custom key store name {candidate.name!r} is already in use in this account and Region.",
            )
        if any(_share_uri(store, candidate) for store in near):
            raise AwsError(
                "XksProxyUriInUseException",
                "The combination of XksProxyUriEndpoint and XksProxyUriPath is already in use by another external key "
                "store in this account and Region.",
            )
        if any(_share_endpoint_illegally(store, candidate) for store in in_region):
            raise AwsError(
                "XksProxyUriEndpointInUseException",
                "The XksProxyUriEndpoint is already in use by another external key store in this Region. Only external "
                "key stores with PUBLIC_ENDPOINT connectivity may share one.",
            )
        if any(_share_vpc_endpoint_service(store, candidate) for store in in_region):
            raise AwsError(
                "XksProxyVpcEndpointServiceInUseException",
                "The XksProxyVpcEndpointServiceName is already in use by another external key store in this Region.",
            )


def _not_found(message: str) -> AwsError:
    return AwsError("CustomKeyStoreNotFoundException", message)


def _share_endpoint(one: CustomKeyStore, other: CustomKeyStore) -> bool:
    return one.uri_endpoint.lower() == other.uri_endpoint.lower()


def _share_uri(one: CustomKeyStore, other: CustomKeyStore) -> bool:
    return _share_endpoint(one, other) and one.uri_path == other.uri_path


def _share_endpoint_illegally(one: CustomKeyStore, other: CustomKeyStore) -> bool:
    both_public = one.connectivity is other.connectivity is Connectivity.PUBLIC_ENDPOINT
    return _share_endpoint(one, other) and not both_public


def _share_vpc_endpoint_service(one: CustomKeyStore, other: CustomKeyStore) -> bool:
    if one.vpc_endpoint_service is None or other.vpc_endpoint_service is None:
        return False
    return one.vpc_endpoint_service.name == other.vpc_endpoint_service.name
