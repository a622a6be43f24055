"""The configuration as the rest of hyok gets it, and how it is loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from hyok.config.origins import EffectiveSetting, Origin, OriginKind
from hyok.config.reading import SettingsReader
from hyok.config.root_sources import RootScheme, RootSource
from hyok.config.settings import (
    AuthorizationSettings,
    CertificateLoginSettings,
    ClusterKeyManagerSettings,
    EmbeddedKeyManagerSettings,
    FileSettings,
    KeyManagerSettings,
    KmsSettings,
    Pkcs11KeyManagerSettings,
    ProxySettings,
    RootKeySettings,
    Settings,
    StorageSettings,
    TransitKeyManagerSettings,
    WithdrawalSettings,
)
from hyok.config.sources import OVERLAY_PREFIX, SEARCHED_FILES, find_file, overlay_environment, parse_tables, read_file
from hyok.config.trust_line import refuse_shared_sides
from hyok.errors import OperatorError

_ENVIRONMENT_NAME: Final = "the environment"


class HolderSettings(NamedTuple):
    """What the customer's side needs: where it keeps keys and what wraps them."""

    storage: StorageSettings
    root_key: RootKeySettings
    key_managers: Mapping[str, KeyManagerSettings]
    authorization: AuthorizationSettings
    withdrawal: WithdrawalSettings


class Configuration(FileSettings, frozen=True, kw_only=True):
    """All settings in force, and where they came from."""

    file: Path | None = None
    """None if everything came from the environment or from code."""
    content: bytes = b""
    """The file as it was read: from this and the same environment another process makes the same configuration."""
    effective: tuple[EffectiveSetting, ...] = ()
    """Every value with its origin, in the order of the settings."""

    def require_holder(self) -> HolderSettings:
        """Return the settings of the customer's side; OperatorError if a section is missing."""
        if self.storage is None:
            raise self._missing("storage", 'url = "sqlite:////var/lib/hyok/hyok.db"')
        if self.root_key is None:
            raise self._missing("root_key", 'source = "file:/etc/hyok/root.key"')
        if not self.key_managers:
            raise self._missing("key_managers.software", 'kind = "embedded"')
        return HolderSettings(self.storage, self.root_key, self.key_managers, self.authorization, self.withdrawal)

    def require_proxy(self) -> ProxySettings:
        """Return the proxy's settings; OperatorError if there are none."""
        if self.proxy is None:
            raise self._missing("proxy", 'certificate = "file:…" and private_key = "file:…"')
        return self.proxy

    def require_kms(self) -> KmsSettings:
        """Return the KMS service's settings; OperatorError if there are none."""
        if self.kms is None:
            raise self._missing("kms", "account, region, [kms.storage] and [kms.root_key]")
        return self.kms

    def complete_root_source(self, source: RootSource) -> RootSource:
        """Return where a root key is with the settings of its key manager. OperatorError if there is none such."""
        return _complete_source(
            source, self.key_managers, name=str(self.file or _ENVIRONMENT_NAME), place="the root key"
        )

    def _missing(self, section: str, content: str) -> OperatorError:
        where = self.file or _ENVIRONMENT_NAME
        return OperatorError(f"{where}: [{section}] is missing, and this command needs it; add it with {content}")


def load_configuration(
    path: Path | None, environment: Mapping[str, str], *, searched: Sequence[Path] = SEARCHED_FILES
) -> Configuration:
    """Find, read and check the configuration. OperatorError in one sentence for whatever is wrong.

    `path` is the `--config` option. Without any file the `HYOK__…` variables alone may configure everything.
    """
    file = find_file(path, environment, searched=searched)
    if file is None and not any(variable.startswith(OVERLAY_PREFIX) for variable in environment):
        raise OperatorError(
            f"no configuration: neither {' nor '.join(map(str, searched))} is there; give --config FILE, set "
            "HYOK_CONFIG, or make a start with `hyok init DIR`"
        )
    if file is None:
        return parse_configuration(b"", file=None, environment=environment)
    file = Path(os.path.abspath(file))
    return parse_configuration(read_file(file), file=file, environment=environment)


def parse_configuration(content: bytes, *, file: Path | None, environment: Mapping[str, str]) -> Configuration:
    """Make the configuration of what was read from `file`. OperatorError in one sentence for whatever is wrong."""
    name = str(file) if file is not None else _ENVIRONMENT_NAME
    tables = parse_tables(content, name=name)
    overlay_environment(tables, environment, name=name)
    configuration = build_configuration(tables, file=file, environment=environment)
    return msgspec.structs.replace(configuration, content=content)


def build_configuration(
    tables: Mapping[str, object], *, file: Path | None, environment: Mapping[str, str]
) -> Configuration:
    """Check tables that were read from `file` and turn them into the configuration."""
    origin = (
        Origin(OriginKind.FILE, str(file)) if file is not None else Origin(OriginKind.ENVIRONMENT, _ENVIRONMENT_NAME)
    )
    reader = SettingsReader(file.parent if file is not None else Path.cwd())
    settings = reader.read_section(tables, FileSettings, path="", origin=origin)
    _refuse_second_embedded(settings.key_managers, name=origin.name)
    _refuse_impossible_clusters(settings.key_managers, name=origin.name)
    _refuse_halves(settings, name=origin.name)
    _refuse_missing_certificates(settings.key_managers, name=origin.name)
    refuse_shared_sides(settings, environment, name=origin.name)
    settings = _complete_root_sources(settings, name=origin.name)
    return Configuration(**msgspec.structs.asdict(settings), file=file, effective=tuple(reader.effective))


def _complete_root_sources(settings: FileSettings, *, name: str) -> FileSettings:
    if settings.root_key is not None:
        source = _complete_source(settings.root_key.source, settings.key_managers, name=name, place="root_key.source")
        settings = msgspec.structs.replace(settings, root_key=RootKeySettings(source=source))
    if settings.kms is not None:
        source = _complete_source(
            settings.kms.root_key.source, settings.key_managers, name=name, place="kms.root_key.source"
        )
        kms = msgspec.structs.replace(settings.kms, root_key=RootKeySettings(source=source))
        settings = msgspec.structs.replace(settings, kms=kms)
    return settings


def _complete_source(
    source: RootSource, key_managers: Mapping[str, KeyManagerSettings], *, name: str, place: str
) -> RootSource:
    """Give a root key that is in a key manager that manager's settings."""
    if not source.key_manager:
        return source
    settings = key_managers.get(source.key_manager)
    expected = Pkcs11KeyManagerSettings if source.scheme is RootScheme.PKCS11 else TransitKeyManagerSettings
    if not isinstance(settings, expected):
        raise OperatorError(
            f"{name}: {place} is {source}, and key_managers.{source.key_manager} is not there with the kind "
            f'"{source.scheme.value}"'
        )
    return source._replace(settings=settings)


def _refuse_second_embedded(key_managers: Mapping[str, KeyManagerSettings], *, name: str) -> None:
    """The embedded key manager's keys are those of [storage]: two would be one under two names."""
    embedded = [manager for manager, settings in key_managers.items() if type(settings) is EmbeddedKeyManagerSettings]
    if len(embedded) > 1:
        raise OperatorError(
            f'{name}: key_managers.{" and key_managers.".join(embedded)} are all of the kind "embedded"; there can be '
            "one, because its keys are those of [storage]"
        )


def _refuse_impossible_clusters(key_managers: Mapping[str, KeyManagerSettings], *, name: str) -> None:
    """The members of a cluster are other key managers, each once."""
    for cluster, settings in key_managers.items():
        if not isinstance(settings, ClusterKeyManagerSettings):
            continue
        single = [each for each, other in key_managers.items() if not isinstance(other, ClusterKeyManagerSettings)]
        for member in settings.members:
            if member not in single:
                raise OperatorError(
                    f"{name}: key_managers.{cluster}.members names {member!r}, which is no key manager of its own; "
                    f"there are: {', '.join(single) or 'none'}"
                )
        if len(set(settings.members)) < len(settings.members):
            raise OperatorError(f"{name}: key_managers.{cluster}.members names a key manager twice; name each once")


def _refuse_halves(settings: FileSettings, *, name: str) -> None:
    """A certificate and its private key come together."""
    sections: dict[str, Settings] = {f"key_managers.{each}": section for each, section in settings.key_managers.items()}
    if settings.kms is not None:
        sections["kms"] = settings.kms
    if settings.authorization.authorizer is not None:
        sections["authorization.authorizer"] = settings.authorization.authorizer
    for path, section in sections.items():
        for pair in (("certificate", "private_key"), ("client_certificate", "client_private_key")):
            there = [each for each in pair if getattr(section, each, None) is not None]
            missing = [each for each in pair if each in section.__struct_fields__ and each not in there]
            if there and missing:
                raise OperatorError(
                    f"{name}: {path}.{missing[0]} is missing; {path}.{there[0]} is there and works only with it"
                )


def _refuse_missing_certificates(key_managers: Mapping[str, KeyManagerSettings], *, name: str) -> None:
    """A login by certificate shows one."""
    for each, settings in key_managers.items():
        if (
            isinstance(settings, TransitKeyManagerSettings)
            and isinstance(settings.login, CertificateLoginSettings)
            and settings.client_certificate is None
        ):
            raise OperatorError(
                f'{name}: key_managers.{each}.client_certificate is missing; a login of the kind "certificate" shows it'
            )
