"""What `hyok config check` tries out: certificates are loaded, storages opened with their root keys, servers asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from hyok.assembly.key_managers import try_key_manager
from hyok.assembly.kms_endpoints import kms_endpoints, kms_tls
from hyok.assembly.proxy_endpoints import check_proxy_tls
from hyok.assembly.root_keys import sealed_columns
from hyok.assembly.sides import open_side
from hyok.config.checking import Finding, Outcome
from hyok.config.configuration import Configuration
from hyok.config.settings import (
    ClusterKeyManagerSettings,
    EmbeddedKeyManagerSettings,
    KmsSettings,
    RootKeySettings,
    StorageSettings,
)
from hyok.custody.rewrapping import find_unreadable
from hyok.errors import OperatorError
from hyok.storage.schema import Side


def try_back_ends(configuration: Configuration) -> Iterator[Finding]:
    """Try what can be tried without serving. A storage that is not there yet is left alone: opening would make it."""
    if (proxy := configuration.proxy) is not None:
        yield _try("proxy.certificate", "can be served with", lambda: check_proxy_tls(proxy).state.warnings)
    if configuration.storage is not None and configuration.root_key is not None:
        yield from _try_storage("storage.url", configuration.storage, configuration.root_key, Side.HOLDER)
    for name, settings in configuration.key_managers.items():
        # The keys of the one are in the storage, the members of the other are tried by themselves.
        if not isinstance(settings, EmbeddedKeyManagerSettings | ClusterKeyManagerSettings):
            yield _try(f"key_managers.{name}", "answers and takes the login", partial(try_key_manager, settings))
    if (kms := configuration.kms) is not None:
        if kms.certificate is not None:
            yield _try("kms.certificate", "can be served with", lambda: _load_server_certificate(kms))
        yield _try("kms.xks_authorities", "can be trusted", lambda: _load_authorities(kms))
        yield from _try_storage("kms.storage.url", kms.storage, kms.root_key, Side.KMS)


def _try(setting: str, praise: str, attempt: Callable[[], tuple[str, ...]]) -> Finding:
    """Make a finding of an attempt that returns warnings."""
    try:
        warnings = attempt()
    except OperatorError as error:
        return Finding(setting, Outcome.FAILED, str(error))
    return Finding(setting, Outcome.FAILED, "; ".join(warnings)) if warnings else Finding(setting, Outcome.OK, praise)


def _load_server_certificate(kms: KmsSettings) -> tuple[str, ...]:
    tls = kms_tls(kms)
    return () if tls is None else tls.warnings


def _load_authorities(kms: KmsSettings) -> tuple[str, ...]:
    kms_endpoints(kms)
    return ()


def _try_storage(setting: str, storage: StorageSettings, root_key: RootKeySettings, side: Side) -> Iterator[Finding]:
    def open_and_close() -> tuple[str, ...]:
        with open_side(storage, root_key, side):
            return ()

    def open_all() -> tuple[str, ...]:
        with open_side(storage, root_key, side) as (opened, safe):
            return _summary(find_unreadable(opened, safe, sealed_columns(side)))

    if storage.url.is_absent:
        return
    finding = _try(setting, "opens with its root key", open_and_close)
    yield finding
    if finding.outcome is Outcome.OK:
        yield _try(setting, "all that is sealed in it opens", open_all)


def _summary(unreadable: Sequence[str]) -> tuple[str, ...]:
    if not unreadable:
        return ()
    return (f"{len(unreadable)} of the values that are sealed in it do not open; the first: {unreadable[0]}",)
