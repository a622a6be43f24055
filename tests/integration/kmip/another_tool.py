"""PyKMIP's client: another program that keeps keys at the same server."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hyok.transport.sockets import Address

if TYPE_CHECKING:
    from kmip.pie.client import ProxyKmipClient


class AnotherTool:
    """Registers, revokes and destroys keys, each time over a connection of its own."""

    def __init__(self, address: Address, directory: Path) -> None:
        self._address = address
        self._directory = directory

    def register(self, name: str, material: bytes, *, usages: str = "ENCRYPT DECRYPT", activates: bool = True) -> str:
        """Bring a key of known material to the server and return its identifier."""
        with self._client() as client:
            from kmip.core import enums
            from kmip.pie import objects

            masks = [enums.CryptographicUsageMask[usage] for usage in usages.split()]
            algorithm = enums.CryptographicAlgorithm.AES
            key = objects.SymmetricKey(algorithm, len(material) * 8, material, masks=masks, name=name)
            object_id = str(client.register(key))
            if activates:
                client.activate(object_id)
            return object_id

    def activate(self, object_id: str) -> None:
        with self._client() as client:
            client.activate(object_id)

    def revoke(self, object_id: str, reason: str = "CESSATION_OF_OPERATION") -> None:
        with self._client() as client:
            from kmip.core import enums

            client.revoke(enums.RevocationReasonCode[reason], object_id)

    def destroy(self, object_id: str) -> None:
        """Destroy an object that is not active. PyKMIP keeps nothing of it, not even that it was there."""
        with self._client() as client:
            client.destroy(object_id)

    @contextmanager
    def _client(self) -> Iterator[ProxyKmipClient]:
        with warnings.catch_warnings():
            # It uses TLS and SQLAlchemy in ways that they would rather not have any more.
            warnings.simplefilter("ignore")
            from kmip.core import enums
            from kmip.pie.client import ProxyKmipClient

            client = ProxyKmipClient(
                hostname=self._address.host,
                port=self._address.port,
                cert=str(self._directory / "client.pem"),
                key=str(self._directory / "client.key"),
                ca=str(self._directory / "ca.pem"),
                ssl_version="PROTOCOL_TLSv1_2",
                config_file=str(self._directory / "client.conf"),
                kmip_version=enums.KMIPVersion.KMIP_1_4,
            )
            with client:
                yield client
