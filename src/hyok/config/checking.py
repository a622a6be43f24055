"""Whether what the configuration names is there and may be used, looked at without changing anything."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from hyok.config.configuration import Configuration
from hyok.config.reading import join_path
from hyok.config.references import ReferenceScheme, SecretReference, resolve_secret
from hyok.config.root_sources import RootSource, resolves_to_key
from hyok.config.settings import Settings, StorageSettings
from hyok.config.values import StorageUrl
from hyok.errors import OperatorError
from hyok.secret import Secret


class Outcome(Enum):
    """What a check came to."""

    OK = "ok"
    NOT_YET = "not yet"
    """It is made at the first start."""
    FAILED = "failed"


class Finding(NamedTuple):
    """One check."""

    setting: str
    outcome: Outcome
    detail: str


_OPEN: Final = frozenset(
    {"certificate", "client_certificate", "authorities", "xks_authorities", "service_account_token"}
)
"""Settings whose files everybody may read: certificates, and what Kubernetes itself puts into a pod."""


class _Named(NamedTuple):
    setting: str
    reference: SecretReference
    is_private: bool


def check_places(configuration: Configuration, environment: Mapping[str, str]) -> tuple[Finding, ...]:
    """Look at every file, variable and directory that the configuration names; never shows a secret."""
    findings = [_check_reference(named, environment) for named in _references(configuration)]
    findings += _check_shared_root(configuration, environment)
    if configuration.storage is not None:
        findings.append(_check_storage("storage.url", configuration.storage.url))
    if configuration.kms is not None:
        findings.append(_check_storage("kms.storage.url", configuration.kms.storage.url))
        if configuration.kms.events is not None:
            findings.append(_check_directory("kms.events.directory", configuration.kms.events.directory))
    for setting, storage in (("storage", configuration.storage), ("kms.storage", _kms_storage(configuration))):
        if storage is not None and storage.anchor is not None:
            findings.append(_check_file(f"{setting}.anchor", storage.anchor))
    if configuration.proxy is not None:
        findings.append(_check_directory("audit.directory", configuration.audit.directory))
    return tuple(findings)


def _kms_storage(configuration: Configuration) -> StorageSettings | None:
    return None if configuration.kms is None else configuration.kms.storage


def _references(value: object, place: str = "") -> Iterator[_Named]:
    """Find every reference in a section and in those below it."""
    match value:
        case RootSource(secret=SecretReference() as reference):
            yield _Named(place, reference, is_private=True)
        case SecretReference():
            yield _Named(place, value, is_private=place.rpartition(".")[2] not in _OPEN)
        case Settings():
            for name in value.__struct_fields__:
                yield from _references(getattr(value, name), join_path(place, name))
        case dict():
            for name, each in value.items():
                yield from _references(each, join_path(place, name))
        case _:
            pass  # a value that names no place


def _check_reference(named: _Named, environment: Mapping[str, str]) -> Finding:
    try:
        size = len(resolve_secret(named.reference, environment).reveal())
    except OperatorError as error:
        return Finding(named.setting, Outcome.FAILED, str(error))
    if named.is_private and named.reference.scheme is ReferenceScheme.FILE:
        path = Path(named.reference.target)
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o007:
            detail = f"{named.reference} has mode {mode:04o}, so that everybody may use it; run chmod 600 {path}"
            return Finding(named.setting, Outcome.FAILED, detail)
    return Finding(named.setting, Outcome.OK, f"{named.reference} ({size} bytes)")


def _check_shared_root(configuration: Configuration, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Two references may still lead to copies of one key."""
    if configuration.root_key is None or configuration.kms is None:
        return
    try:
        ours = _root_key(configuration.root_key.source, environment)
        theirs = _root_key(configuration.kms.root_key.source, environment)
    except OperatorError:
        return  # reported with the reference
    if ours is not None and ours == theirs:
        detail = "is the same key as root_key.source; the two sides of the trust line must not share it"
        yield Finding("kms.root_key.source", Outcome.FAILED, detail)


def _root_key(source: RootSource, environment: Mapping[str, str]) -> Secret | None:
    reference = resolves_to_key(source)
    return None if reference is None else resolve_secret(reference, environment)


def _check_storage(setting: str, url: StorageUrl) -> Finding:
    if url.path is None:
        return Finding(setting, Outcome.OK, f"{url}, a database on a server")
    return _check_file(setting, url.path)


def _check_file(setting: str, path: Path) -> Finding:
    if path.is_file():
        if os.access(path, os.R_OK | os.W_OK):
            return Finding(setting, Outcome.OK, str(path))
        return Finding(setting, Outcome.FAILED, f"{path} cannot be read and written by this user")
    if path.exists():
        return Finding(setting, Outcome.FAILED, f"{path} is not a file")
    return _check_makeable(setting, path)


def _check_directory(setting: str, path: Path) -> Finding:
    if path.is_dir():
        if os.access(path, os.W_OK | os.X_OK):
            return Finding(setting, Outcome.OK, str(path))
        return Finding(setting, Outcome.FAILED, f"{path} cannot be written by this user")
    if path.exists():
        return Finding(setting, Outcome.FAILED, f"{path} is not a directory")
    return _check_makeable(setting, path)


def _check_makeable(setting: str, path: Path) -> Finding:
    nearest = next(parent for parent in path.parents if parent.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return Finding(setting, Outcome.NOT_YET, f"{path} is made at the first start")
    return Finding(setting, Outcome.FAILED, f"{path} is not there, and this user cannot make it in {nearest}")
