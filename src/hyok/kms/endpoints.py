"""The way from a custom key store to its proxy: which address, whose certificate, which certificate of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hyok.errors import HyokError
from hyok.kms.custom_key_stores import Connectivity, CustomKeyStore
from hyok.transport.client import HttpClientPool
from hyok.transport.sockets import Address
from hyok.transport.tls import TlsSetup

_HTTPS_PORT: Final = 443


class EndpointServiceNotFound(HyokError):  # noqa: N818  # as AWS calls it
    """No VPC endpoint service of this name is known, so there is no way to the proxy behind it."""


class ProxyEndpoints:
    """Finds proxies. The API's endpoints have no port and must have a public name; this is where they really are."""

    def __init__(self, tls: TlsSetup, *, endpoint_map: Mapping[str, Address]) -> None:
        """`tls` trusts whoever signs the proxies' certificates and may show one of KMS's own to those that ask.

        `endpoint_map` leads from a host name in lower case to an address, as curl's `--resolve`; other hosts are looked
        up in the DNS and asked at port 443.
        """
        self._tls = tls
        self._endpoint_map = endpoint_map

    def open_pool(self, store: CustomKeyStore) -> HttpClientPool:
        """Make a pool for a store's proxy; nothing is sent yet. EndpointServiceNotFound if there is no way to it."""
        return HttpClientPool(self._locate(store), server_name=store.host, tls=self._tls.context)

    def _locate(self, store: CustomKeyStore) -> Address:
        match store.connectivity:
            case Connectivity.PUBLIC_ENDPOINT:
                return self._endpoint_map.get(store.host.lower()) or Address(store.host, _HTTPS_PORT)
            case Connectivity.VPC_ENDPOINT_SERVICE:
                # Their private DNS names and addresses are not configurable yet; here is where they will be looked up.
                raise EndpointServiceNotFound(
                    f"the VPC endpoint service of the custom key store {store.id} is not known here"
                )
