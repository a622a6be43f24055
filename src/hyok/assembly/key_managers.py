"""Key managers by kind: the one place that tells them apart.

What a kind needs is imported where the kind is used, so that a process loads the libraries of those it serves with.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from hyok.assembly.recording import RecordingAdministrator
from hyok.clock import Clock, SystemClock
from hyok.config.settings import (
    ClusterKeyManagerSettings,
    EmbeddedKeyManagerSettings,
    KeyManagerSettings,
    KmipKeyManagerSettings,
    Pkcs11KeyManagerSettings,
    PluginKeyManagerSettings,
    TransitKeyManagerSettings,
)
from hyok.custody.records import Recorder
from hyok.custody.safe import Safe
from hyok.keymanagers.interface import KeyAdministrator, KeyManager, MaterialAdministrator
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
    recorder: Recorder
    pkcs11_modules: Modules
    """Every library of this process: each may be loaded but once."""


class OpenKeyManager(NamedTuple):
    """A key manager that serves, and if its keys are in the storage, how it follows that and what it sees to there."""

    manager: KeyManager
    apply: Follow | None = None
    upkeep: Callable[[], Coroutine[object, None, None]] | None = None
    """Never ends by itself."""
    encryption_share: Callable[[], float] | None = None
    """How much one version has given out of what it may encrypt, for the key where it is most; from 0 to 1."""
    forget_material: Callable[[], None] | None = None
    """Drops the keys that lie open in memory."""


SingleKeyManagerSettings = (
    EmbeddedKeyManagerSettings
    | Pkcs11KeyManagerSettings
    | TransitKeyManagerSettings
    | KmipKeyManagerSettings
    | PluginKeyManagerSettings
)


def open_key_managers(
    settings: Mapping[str, KeyManagerSettings], access: KeyManagerAccess
) -> dict[str, OpenKeyManager]:
    """Make the key managers that the proxy asks, by name. OperatorError if the settings of one do not serve."""
    members = {member for _, cluster in _clusters(settings) for member in cluster.members}
    opened = {
        name: _open(name, each, access, others_stand_in=name in members)
        for name, each in settings.items()
        if not isinstance(each, ClusterKeyManagerSettings)
    }
    managers = {name: each.manager for name, each in opened.items()}
    for name, cluster in _clusters(settings):
        from hyok.assembly.cluster import make_cluster

        opened[name] = OpenKeyManager(make_cluster(cluster, managers))
    return opened


def _open(
    name: str, settings: SingleKeyManagerSettings, access: KeyManagerAccess, *, others_stand_in: bool
) -> OpenKeyManager:
    match settings:
        case EmbeddedKeyManagerSettings():
            from hyok.keymanagers.embedded.disposal import KeyDisposal
            from hyok.keymanagers.embedded.leasing import Leasing
            from hyok.keymanagers.embedded.manager import EmbeddedKeyManager

            leasing = Leasing(access.safe, access.clock, rotate_after=settings.rotate_after_encryptions)
            embedded = EmbeddedKeyManager(access.storage, leasing)
            embedded.lease_ahead()
            return OpenKeyManager(
                embedded,
                embedded.apply,
                KeyDisposal(access.storage, access.safe, access.clock).run,
                embedded.most_used_share,
                embedded.forget_material,
            )
        case Pkcs11KeyManagerSettings():
            hsm = _make_hsm(name, settings, access.pkcs11_modules)
            hsm.connect(others_stand_in=others_stand_in)
            return OpenKeyManager(hsm)
        case TransitKeyManagerSettings():
            from hyok.assembly.transit import transit_setup
            from hyok.keymanagers.transit.manager import TransitKeyManager

            return OpenKeyManager(TransitKeyManager(transit_setup(settings)))
        case KmipKeyManagerSettings():
            from hyok.assembly.kmip import kmip_setup
            from hyok.keymanagers.kmip.manager import KmipKeyManager

            return OpenKeyManager(KmipKeyManager(kmip_setup(settings)))
        case PluginKeyManagerSettings():
            from hyok.assembly.plugin import open_plugin

            return OpenKeyManager(open_plugin(name, settings))


def _make_hsm(name: str, settings: Pkcs11KeyManagerSettings, modules: Modules) -> Pkcs11KeyManager:
    from hyok.assembly.pkcs11 import pkcs11_setup
    from hyok.keymanagers.pkcs11.manager import Pkcs11KeyManager

    return Pkcs11KeyManager(pkcs11_setup(name, settings, modules))


def _clusters(settings: Mapping[str, KeyManagerSettings]) -> list[tuple[str, ClusterKeyManagerSettings]]:
    return [(name, each) for name, each in settings.items() if isinstance(each, ClusterKeyManagerSettings)]


def administer_key_managers(
    settings: Mapping[str, KeyManagerSettings], access: KeyManagerAccess
) -> dict[str, KeyAdministrator]:
    """Make what commands change the keys of each key manager with, by name; it is reached when it is asked."""
    administrators = {
        name: _recorded(name, _administer(name, each, access), access)
        for name, each in settings.items()
        if not isinstance(each, ClusterKeyManagerSettings)
    }
    for name, cluster in _clusters(settings):
        from hyok.assembly.cluster import administer_cluster

        administrators[name] = administer_cluster(cluster, administrators)
    return administrators


def _recorded(name: str, administrator: KeyAdministrator, access: KeyManagerAccess) -> KeyAdministrator:
    if isinstance(administrator, MaterialAdministrator):
        return administrator  # its keys are in the storage, where each change leaves a record
    return RecordingAdministrator(administrator, access.storage, access.recorder, name=name)


def _administer(name: str, settings: SingleKeyManagerSettings, access: KeyManagerAccess) -> KeyAdministrator:
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
        case PluginKeyManagerSettings():
            from hyok.assembly.plugin import administer_plugin

            return administer_plugin(name, settings)


def try_key_manager(settings: KeyManagerSettings) -> tuple[str, ...]:
    """Try to reach a key manager; what does not work, in sentences. OperatorError if a certificate does not serve."""
    match settings:
        case EmbeddedKeyManagerSettings():
            return ()  # its keys are in the storage
        case ClusterKeyManagerSettings():
            return ()  # its members are tried by themselves
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
        case PluginKeyManagerSettings():
            from hyok.assembly.plugin import try_plugin

            return try_plugin(settings)


def key_manager_policy(settings: KeyManagerSettings, key_ids: Iterable[str]) -> str:
    """Return the policy with which a key manager lets hyok use these keys and no more; empty if it knows none."""
    match settings:
        case EmbeddedKeyManagerSettings() | Pkcs11KeyManagerSettings() | ClusterKeyManagerSettings():
            return ""
        case TransitKeyManagerSettings():
            from hyok.keymanagers.transit.policy import least_privilege_policy
            from hyok.keymanagers.transit.setup import is_key_name

            names = {*key_ids, settings.health_key or ""}
            return least_privilege_policy(settings.mount, filter(is_key_name, names))
        case KmipKeyManagerSettings() | PluginKeyManagerSettings():
            return ""  # each server has its own way to give permissions
