"""Every setting there is: its type, default, meaning and an example. The documentation's tables are made from here.

The file holds what belongs to the machine. Key stores, credentials and keys live in the storage and change by command.
A section or setting whose default is None is optional. There is a module for each section, and this is their front
door: the rest of hyok imports from `hyok.config.settings`.
"""

from hyok.config.settings.audit import AuditSettings, RedactionSettings
from hyok.config.settings.audit_sinks import (
    FileSinkSettings,
    RecordFormat,
    SinkSettings,
    StdoutSinkSettings,
    SyslogSinkSettings,
    WitnessSinkSettings,
)
from hyok.config.settings.authorization import AuthorizationSettings, AuthorizerSettings, DecryptSettings
from hyok.config.settings.base import About, HostName, Settings
from hyok.config.settings.file import FileSettings
from hyok.config.settings.key_managers import (
    ClusterKeyManagerSettings,
    EmbeddedKeyManagerSettings,
    KeyManagerSettings,
    PluginKeyManagerSettings,
)
from hyok.config.settings.kmip import KmipKeyManagerSettings
from hyok.config.settings.kms import EventSettings, KmsSettings
from hyok.config.settings.kms_quotas import KmsQuotaSettings
from hyok.config.settings.metrics import MetricsSettings
from hyok.config.settings.pkcs11 import Pkcs11KeyManagerSettings, Pkcs11Preset, TokenNameSettings
from hyok.config.settings.proxy import ClientCertificateSettings, DeadlineSettings, LimitSettings, ProxySettings
from hyok.config.settings.storage import RootKeySettings, StorageSettings
from hyok.config.settings.transit import (
    AppRoleLoginSettings,
    CertificateLoginSettings,
    KubernetesLoginSettings,
    TokenLoginSettings,
    TransitKeyManagerSettings,
)
from hyok.config.settings.vpc_endpoint_services import VpcEndpointServiceSettings
from hyok.config.settings.withdrawal import WithdrawalSettings

__all__ = [
    # What sections are made of
    "About",
    "HostName",
    "Settings",
    # The file and its sections
    "FileSettings",
    "StorageSettings",
    "RootKeySettings",
    "ProxySettings",
    "ClientCertificateSettings",
    "LimitSettings",
    "DeadlineSettings",
    "KeyManagerSettings",
    "EmbeddedKeyManagerSettings",
    "Pkcs11KeyManagerSettings",
    "TokenNameSettings",
    "Pkcs11Preset",
    "TransitKeyManagerSettings",
    "TokenLoginSettings",
    "AppRoleLoginSettings",
    "KubernetesLoginSettings",
    "CertificateLoginSettings",
    "KmipKeyManagerSettings",
    "PluginKeyManagerSettings",
    "ClusterKeyManagerSettings",
    "AuthorizationSettings",
    "AuthorizerSettings",
    "DecryptSettings",
    "AuditSettings",
    "RedactionSettings",
    "SinkSettings",
    "FileSinkSettings",
    "StdoutSinkSettings",
    "SyslogSinkSettings",
    "WitnessSinkSettings",
    "RecordFormat",
    "WithdrawalSettings",
    "MetricsSettings",
    "KmsSettings",
    "VpcEndpointServiceSettings",
    "EventSettings",
    "KmsQuotaSettings",
]
