"""The file as a whole: one field for each of its sections."""

from __future__ import annotations

from hyok.config.settings.audit import AuditSettings
from hyok.config.settings.authorization import AuthorizationSettings
from hyok.config.settings.base import Name, Settings
from hyok.config.settings.key_managers import KeyManagerSettings
from hyok.config.settings.kms import KmsSettings
from hyok.config.settings.metrics import MetricsSettings
from hyok.config.settings.proxy import ProxySettings
from hyok.config.settings.storage import RootKeySettings, StorageSettings
from hyok.config.settings.withdrawal import WithdrawalSettings


class FileSettings(Settings, frozen=True, kw_only=True):
    """All that the file can hold."""

    storage: StorageSettings | None = None
    root_key: RootKeySettings | None = None
    proxy: ProxySettings | None = None
    key_managers: dict[Name, KeyManagerSettings] = {}
    authorization: AuthorizationSettings = AuthorizationSettings()
    audit: AuditSettings = AuditSettings()
    withdrawal: WithdrawalSettings = WithdrawalSettings()
    metrics: MetricsSettings | None = None
    kms: KmsSettings | None = None
