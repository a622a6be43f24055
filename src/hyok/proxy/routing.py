"""From a request's target to the key store that it is for, and what is wanted of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from hyok.proxy.keystores import KeyStore, KeyStoreDirectory
from hyok.proxy.wire import XksRequest, request_decoder
from hyok.xks.errors import XksError, XksErrorName
from hyok.xks.uri import parse_target

_ROUTES_REMEMBERED: Final = 4096


class Route(Struct, frozen=True, gc=False):
    """Where a request leads."""

    key_store: KeyStore
    operation_name: str
    decode: Callable[[bytes], XksRequest]
    """Reads the operation's requests, as `wire.request_decoder` says."""
    key_id: str
    """The external key id; empty for GetHealthStatus."""


class Router:
    """Finds routes, and remembers them until a key store changes: KMS sends the same targets again and again."""

    __slots__ = ("_key_stores", "_routes", "_routes_of")

    def __init__(self, key_stores: KeyStoreDirectory) -> None:
        self._key_stores = key_stores
        self._routes: dict[bytes, Route] = {}
        self._routes_of = key_stores.by_prefix

    def route(self, target: bytes) -> Route:
        """Return where a target leads.

        XksError INVALID_URI_PATH, the same for a path that is not of the API as for a prefix that nobody has.
        """
        if self._routes_of is not self._key_stores.by_prefix:
            self._routes_of = self._key_stores.by_prefix
            self._routes.clear()
        known = self._routes.get(target)
        return known if known is not None else self._find(target)

    def _find(self, target: bytes) -> Route:
        parsed = parse_target(target)
        key_store = self._routes_of.get(parsed.prefix)
        if key_store is None:
            raise XksError(XksErrorName.INVALID_URI_PATH, "no operation of the XKS proxy API has this path")
        if len(self._routes) >= _ROUTES_REMEMBERED:
            self._routes.clear()
        operation = parsed.operation
        found = self._routes[target] = Route(
            key_store, operation.value, request_decoder(operation), parsed.key_id.decode()
        )
        return found
