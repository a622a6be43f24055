"""Take the place of AWS's sample proxy: its key stores, credentials and keys, over the same HSM.

What is there already is left as it is, so that what was interrupted is done by doing it again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import Final, NamedTuple

from hyok.administration.credentials import CredentialPair, check_pair, create_credential, list_credentials
from hyok.administration.external_keys import add_external_key, list_external_keys
from hyok.administration.keys import show_key
from hyok.administration.keystores import KeyStore, create_key_store, list_key_stores, update_key_store
from hyok.assembly.holder import Holder
from hyok.assembly.pkcs11 import first_token
from hyok.config.configuration import Configuration, parse_configuration
from hyok.config.settings import Pkcs11KeyManagerSettings
from hyok.config.template import pkcs11_section
from hyok.errors import NotDoneError, OperatorError
from hyok.setup.aws_sample import SampleKeyStore, SampleSettings

_UNNAMED: Final = "aws-sample"
"""The key store whose path prefix is empty."""
_NAME_CHARACTERS: Final = 60


class NewKeyManager(NamedTuple):
    """What is added to the machine: a section of the configuration, and the file that it names."""

    configuration_file: Path
    section: str
    pin_file: Path


class Taken(NamedTuple):
    """A key store that hyok serves now."""

    key_store: KeyStore
    access_key_id: str
    key_ids: tuple[str, ...]
    missing_key_ids: tuple[str, ...]
    """Not in the token, so not offered."""


def plan_key_manager(
    configuration: Configuration, name: str, settings: SampleSettings, *, token_label: str | None
) -> NewKeyManager | None:
    """Return what describes the sample's HSM to hyok; None if there is a key manager of that name already.

    OperatorError if the configuration would not be one with it, or the token cannot be found.
    """
    known = configuration.key_managers.get(name)
    if known is not None:
        if not isinstance(known, Pkcs11KeyManagerSettings):
            raise OperatorError(f"key_managers.{name} is no HSM; name the new one otherwise with --key-manager")
        return None
    if configuration.file is None:
        raise OperatorError("the configuration is in the environment, where no section can be added; use a file")
    pin_file = configuration.file.with_name(f"{name}-pin")
    section = pkcs11_section(
        name,
        module=str(settings.module),
        token_label=first_token(settings.module) if token_label is None else token_label,
        pin=f"file:{pin_file.name}",
        preset=settings.preset,
        iv=None if settings.iv is None else settings.iv.value,
    )
    # Before anything is written: is it a configuration with it?
    parse_configuration(configuration.content + section.encode(), file=configuration.file, environment=os.environ)
    return NewKeyManager(configuration.file, section, pin_file)


def append_section(new: NewKeyManager) -> None:
    """Write the section at the end of the configuration. OperatorError if that cannot be."""
    try:
        with new.configuration_file.open("a", encoding="utf-8") as file:
            file.write(new.section)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OperatorError(f"cannot write {new.configuration_file}: {error.strerror}") from error


def check_key_stores(settings: SampleSettings) -> None:
    """NotDoneError, before anything is done, if a credential or key store of the sample's cannot be one of hyok's."""
    for each in settings.key_stores:
        check_pair(CredentialPair(each.access_key_id, each.secret_access_key))
    prefixes = [each.path_prefix for each in settings.key_stores]
    if len(set(prefixes)) < len(prefixes):
        raise NotDoneError("two key stores have the same uri_path_prefix, which the sample itself would refuse")


def take_over(holder: Holder, settings: SampleSettings, *, key_manager: str) -> Iterator[Taken]:
    """Make each key store, with its credential and those of its keys that the token has."""
    administrator = holder.key_administrators[key_manager]
    for sample in settings.key_stores:
        key_store = _take_key_store(holder, settings, sample)
        _take_credential(holder, key_store, sample)
        offered = {key.external_key_id for key in list_external_keys(holder.storage, key_store=key_store.name)}
        missing = []
        for key_id in sample.key_ids:
            try:
                show_key(administrator, key_id)
            except NotDoneError as error:
                if error.__cause__ is not None:  # the token cannot be asked
                    raise
                missing.append(key_id)
                continue
            if key_id not in offered:
                add_external_key(
                    holder.storage,
                    holder.clock,
                    key_store=key_store.name,
                    external_key_id=key_id,
                    key_manager=key_manager,
                    manager_key_id=key_id,
                )
        there = tuple(key_id for key_id in sample.key_ids if key_id not in missing)
        yield Taken(key_store, sample.access_key_id, there, tuple(missing))


def name_of(path_prefix: str) -> str:
    """Return what a key store at a path prefix is called."""
    return path_prefix.strip("/").replace("/", "-")[:_NAME_CHARACTERS] or _UNNAMED


def _take_key_store(holder: Holder, settings: SampleSettings, sample: SampleKeyStore) -> KeyStore:
    present = list_key_stores(holder.storage)
    for key_store in present:
        if key_store.path_prefix == sample.path_prefix:
            return _read_predecessors_too(holder, settings, key_store)
    taken = {key_store.name for key_store in present}
    base = name_of(sample.path_prefix)
    names = chain([base], (f"{base}-{number}" for number in count(2)))
    name = next(each for each in names if each not in taken)
    return create_key_store(
        holder.storage,
        holder.clock,
        name=name,
        path_prefix=sample.path_prefix,
        regions=(settings.region,),
        predecessors=settings.predecessors,
    )


def _read_predecessors_too(holder: Holder, settings: SampleSettings, key_store: KeyStore) -> KeyStore:
    def change(present: KeyStore) -> KeyStore:
        added = tuple(each for each in settings.predecessors if each not in present.predecessors)
        return replace(present, predecessors=present.predecessors + added)

    return update_key_store(holder.storage, holder.clock, key_store.name, change)


def _take_credential(holder: Holder, key_store: KeyStore, sample: SampleKeyStore) -> None:
    known = {credential.access_key_id for credential in list_credentials(holder.storage, key_store.name)}
    if sample.access_key_id not in known:
        pair = CredentialPair(sample.access_key_id, sample.secret_access_key)
        create_credential(holder.storage, holder.safe, holder.clock, key_store=key_store.name, given=pair)
