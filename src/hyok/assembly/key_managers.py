"""Key managers by kind: the one place that tells them apart.

What a kind needs is imported where the kind is used, so that a process loads the libraries of those it serves with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hyok.assembly.key_manager_access import KeyManagerAccess, OpenKeyManager
from hyok.assembly.recording import RecordingAdministrator
from hyok.config.settings import (
    ClusterKeyManagerSettings,
    EmbeddedKeyManagerSettings,
    KeyManagerSettings,
    KmipKeyManagerSettings,
    Pkcs11KeyManagerSettings,
    PluginKeyManagerSettings,
    TransitKeyManagerSettings,
)
from hyok.keymanagers.interface import KeyAdministrator, MaterialAdministrator

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
            from hyok.assembly.embedded import open_embedded

            return open_embedded(settings, access)
        case Pkcs11KeyManagerSettings():
            from hyok.assembly.pkcs11 import open_hsm

            return OpenKeyManager(open_hsm(name, settings, access.pkcs11_modules, others_stand_in=others_stand_in))
        case TransitKeyManagerSettings():
            from hyok.assembly.transit import open_transit

            return OpenKeyManager(open_transit(settings))
        case KmipKeyManagerSettings():
            from hyok.assembly.kmip import open_kmip

            return OpenKeyManager(open_kmip(settings))
        case PluginKeyManagerSettings():
            from hyok.assembly.plugin import open_plugin

            return OpenKeyManager(open_plugin(name, settings))


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
            from hyok.assembly.embedded import administer_embedded

            return administer_embedded(access)
        case Pkcs11KeyManagerSettings():
            from hyok.assembly.pkcs11 import administer_hsm

            return administer_hsm(name, settings, access.pkcs11_modules, access.clock)
        case TransitKeyManagerSettings():
            from hyok.assembly.transit import administer_transit

            return administer_transit(settings)
        case KmipKeyManagerSettings():
            from hyok.assembly.kmip import administer_kmip

            return administer_kmip(settings)
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
            from hyok.assembly.pkcs11 import try_hsm

            return try_hsm(settings)
        case TransitKeyManagerSettings():
            from hyok.assembly.transit import administer_transit

            return administer_transit(settings).find_faults()
        case KmipKeyManagerSettings():
            from hyok.assembly.kmip import administer_kmip

            return administer_kmip(settings).find_faults()
        case PluginKeyManagerSettings():
            from hyok.assembly.plugin import try_plugin

            return try_plugin(settings)


def key_manager_policy(settings: KeyManagerSettings, key_ids: Iterable[str]) -> str:
    """Return the policy with which a key manager lets hyok use these keys and no more; empty if it knows none."""
    match settings:
        case EmbeddedKeyManagerSettings() | Pkcs11KeyManagerSettings() | ClusterKeyManagerSettings():
            return ""
        case TransitKeyManagerSettings():
            from hyok.assembly.transit import transit_policy

            return transit_policy(settings, key_ids)
        case KmipKeyManagerSettings() | PluginKeyManagerSettings():
            return ""  # each server has its own way to give permissions


def _clusters(settings: Mapping[str, KeyManagerSettings]) -> list[tuple[str, ClusterKeyManagerSettings]]:
    return [(name, each) for name, each in settings.items() if isinstance(each, ClusterKeyManagerSettings)]
