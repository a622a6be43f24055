"""Key managers by kind: the one place that tells them apart.

What a kind needs is imported where the kind is used, so that a process loads the libraries of those it serves with.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from hyok.clock import Clock, SystemClock
from hyok.config.settings import (
    EmbeddedKeyManagerSettings,
    KeyManagerSettings,
    KmipKeyManagerSettings,
    Pkcs11KeyManagerSettings,
    TransitKeyManagerSettings,
)
from hyok.custody.safe import Safe
from hyok.keymanagers.interface import KeyAdministrator, KeyManager
from hyok.keymanagers.pkcs11.modules import Modules
from hyok.storage.changes import Change
from hyok.storage.engine import Storage

if TYPE_CHECKING:
    from hyok.keymanagers.pkcs11.manager import Pkcs11KeyManager

Follow = Callable[[Sequence[Change]], Awaitable[None]]
"""Takes in what changed in the storage."""


class KeyManagerAccess(NamedTuple):
    """What key managers are made with, besides their settings."""

    storage: Storage
    safe: Safe
    clock: Clock
    pkcs11_modules: Modules
    """Every library of this process: each may be loaded but once."""


class OpenKeyManager(NamedTuple):
    """A key manager that serves, and how it follows the storage, if its keys are there."""

    manager: KeyManager
    apply: Follow | None = None


def open_key_manager(name: str, settings: KeyManagerSettings, access: KeyManagerAccess) -> OpenKeyManager:
    """Make the key manager that the proxy asks. OperatorError if its settings do not serve."""
    match settings:
        case EmbeddedKeyManagerSettings():
            from hyok.keymanagers.embedded.manager import EmbeddedKeyManager

            embedded = EmbeddedKeyManager(access.storage, access.safe)
            return OpenKeyManager(embedded, embedded.apply)
        case Pkcs11KeyManagerSettings():
            return OpenKeyManager(_open_hsm(name, settings, access.pkcs11_modules))
        case TransitKeyManagerSettings():
            from hyok.assembly.transit import transit_setup
            from hyok.keymanagers.transit.manager import TransitKeyManager

            return OpenKeyManager(TransitKeyManager(transit_setup(settings)))
        case KmipKeyManagerSettings():
            from hyok.assembly.kmip import kmip_setup
            from hyok.keymanagers.kmip.manager import KmipKeyManager

            return OpenKeyManager(KmipKeyManager(kmip_setup(settings)))


def _open_hsm(name: str, settings: Pkcs11KeyManagerSettings, modules: Modules) -> Pkcs11KeyManager:
    from hyok.assembly.pkcs11 import pkcs11_setup
    from hyok.keymanagers.pkcs11.manager import Pkcs11KeyManager

    hsm = Pkcs11KeyManager(pkcs11_setup(name, settings, modules))
    hsm.connect()
    return hsm


def administer_key_manager(name: str, settings: KeyManagerSettings, access: KeyManagerAccess) -> KeyAdministrator:
    """Make what commands change a key manager's keys with; it is reached when it is asked."""
    match settings:
        case EmbeddedKeyManagerSettings():
            from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator

            return EmbeddedKeyAdministrator(access.storage, access.safe, access.clock)
        case Pkcs11KeyManagerSettings():
            from hyok.assembly.pkcs11 import pkcs11_setup
            from hyok.keymanagers.pkcs11.administrator import Pkcs11KeyAdministrator

            return Pkcs11KeyAdministrator(partial(pkcs11_setup, name, settings, access.pkcs11_modules), access.clock)
        case TransitKeyManagerSettings():
            from hyok.assembly.transit import transit_setup
            from hyok.keymanagers.transit.administrator import TransitKeyAdministrator

            return TransitKeyAdministrator(partial(transit_setup, settings))
        case KmipKeyManagerSettings():
            from hyok.assembly.kmip import kmip_setup
            from hyok.keymanagers.kmip.administrator import KmipKeyAdministrator

            return KmipKeyAdministrator(partial(kmip_setup, settings))


def try_key_manager(settings: KeyManagerSettings) -> tuple[str, ...]:
    """Try to reach a key manager; what does not work, in sentences. OperatorError if a certificate does not serve."""
    match settings:
        case EmbeddedKeyManagerSettings():
            return ()  # its keys are in the storage
        case Pkcs11KeyManagerSettings():
            from hyok.assembly.pkcs11 import pkcs11_setup
            from hyok.keymanagers.pkcs11.administrator import Pkcs11KeyAdministrator

            return Pkcs11KeyAdministrator(partial(pkcs11_setup, "", settings, Modules()), SystemClock()).find_faults()
        case TransitKeyManagerSettings():
            from hyok.assembly.transit import transit_setup
            from hyok.keymanagers.transit.administrator import TransitKeyAdministrator

            return TransitKeyAdministrator(partial(transit_setup, settings)).find_faults()
        case KmipKeyManagerSettings():
            from hyok.assembly.kmip import kmip_setup
            from hyok.keymanagers.kmip.administrator import KmipKeyAdministrator

            return KmipKeyAdministrator(partial(kmip_setup, settings)).find_faults()


def key_manager_policy(settings: KeyManagerSettings, key_ids: Iterable[str]) -> str:
    """Return the policy with which a key manager lets hyok use these keys and no more; empty if it knows none."""
    match settings:
        case EmbeddedKeyManagerSettings() | Pkcs11KeyManagerSettings():
            return ""
        case TransitKeyManagerSettings():
            from hyok.keymanagers.transit.policy import least_privilege_policy
            from hyok.keymanagers.transit.setup import is_key_name

            names = {*key_ids, settings.health_key or ""}
            return least_privilege_policy(settings.mount, filter(is_key_name, names))
        case KmipKeyManagerSettings():
            return ""  # KMIP leaves it to each server how permissions are given
