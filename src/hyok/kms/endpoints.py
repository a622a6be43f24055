"""The way from a custom key store to its proxy: which address, whose certificate, which certificate of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hyok.kms.custom_key_stores import Connectivity, CustomKeyStore
from hyok.kms.vpc_endpoint_services import EndpointServices
from hyok.transport.client import HttpClientPool
from hyok.transport.sockets import Address
from hyok.transport.tls import TlsSetup

_HTTPS_PORT: Final = 443


class ProxyEndpoints:
    """Finds proxies. The API's endpoints have no port and must have a public name; this is where they really are."""

    def __init__(
        self, tls: TlsSetup, *, endpoint_map: Mapping[str, Address], services: EndpointServices | None = None
    ) -> None:
        """`tls` trusts whoever signs the proxies' certificates and may show one of KMS's own to those that ask.

        `endpoint_map` leads from a host name in lower case to an address, as curl's `--resolve`; other hosts are looked
        up in the DNS and asked at port 443. `services` lead to the proxies behind them.
        """
        self._tls = tls
        self._endpoint_map = endpoint_map
        self._services = services or EndpointServices()

    def open_pool(self, store: CustomKeyStore) -> HttpClientPool:
        """Make a pool for a store's proxy; nothing is sent yet. EndpointServiceUnfit if there is no way to it.

        The certificate must be of the endpoint's host, which is the private DNS name of a VPC endpoint service.
        """
        return HttpClientPool(self.locate(store), server_name=store.host, tls=self._tls.context)

    def locate(self, store: CustomKeyStore) -> Address:
        """Return where a store's proxy is. EndpointServiceUnfit if there is no way to it."""
        match store.connectivity:
            case Connectivity.PUBLIC_ENDPOINT:
                return self._endpoint_map.get(store.host.lower()) or Address(store.host, _HTTPS_PORT)
            case Connectivity.VPC_ENDPOINT_SERVICE:
                return self._services.locate(store)
