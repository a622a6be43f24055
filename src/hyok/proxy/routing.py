"""From a request's target to the key store that it is for."""

from __future__ import annotations

from typing import Final

from hyok.audit.event import RequestRecord
from hyok.proxy.keystores import KeyStore, KeyStoreDirectory
from hyok.xks.errors import XksError, XksErrorName
from hyok.xks.uri import XksTarget, parse_target

_RECORDED_CHARACTERS: Final = 256
"""As long as a whole URI may be; a longer target is recorded cut."""


def route(target: bytes, key_stores: KeyStoreDirectory, record: RequestRecord) -> tuple[KeyStore, XksTarget]:
    """Return the key store that lives at the target's path prefix, and what is wanted of it.

    XksError INVALID_URI_PATH, the same whether it is no path of the API or nobody's prefix.
    """
    try:
        parsed = parse_target(target)
        key_store = key_stores.at_prefix(parsed.prefix)
        if key_store is None:
            raise XksError(XksErrorName.INVALID_URI_PATH, "no operation of the XKS proxy API has this path")
    except XksError:
        record.target = target[:_RECORDED_CHARACTERS].decode("latin-1")
        raise
    record.key_store = key_store.name
    record.operation = parsed.operation.value
    record.external_key_id = parsed.key_id.decode()
    return key_store, parsed
