"""Kinds of key manager that other packages bring."""

from __future__ import annotations

import asyncio
import os
from importlib.metadata import entry_points
from typing import Final, NamedTuple, cast

from hyok.clock import deadline_in
from hyok.config.references import resolve_secret
from hyok.config.settings import PluginKeyManagerSettings
from hyok.errors import OperatorError
from hyok.keymanagers.errors import KeyManagerError
from hyok.keymanagers.interface import HealthStatus, KeyAdministrator, KeyManager, KeyManagerPlugin
from hyok.secret import Secret

GROUP: Final = "hyok.key_managers"
_TRIAL_SECONDS: Final = 10.0


class _Told(NamedTuple):
    plugin: KeyManagerPlugin
    name: str
    settings: dict[str, str]
    secrets: dict[str, Secret]


def open_plugin(name: str, settings: PluginKeyManagerSettings) -> KeyManager:
    """Make a package's key manager. OperatorError if there is no such plug-in, or its secrets cannot be resolved."""
    told = _tell(name, settings)
    return told.plugin.open(told.name, told.settings, told.secrets)


def administer_plugin(name: str, settings: PluginKeyManagerSettings) -> KeyAdministrator:
    """Make what changes its keys."""
    told = _tell(name, settings)
    return told.plugin.administer(told.name, told.settings, told.secrets)


def try_plugin(settings: PluginKeyManagerSettings) -> tuple[str, ...]:
    """Have its members tried; what does not work, in sentences."""
    manager = open_plugin("", settings)

    async def look() -> tuple[str, ...]:
        try:
            members = await manager.check_health(deadline_in(_TRIAL_SECONDS))
        except KeyManagerError as error:
            return (str(error),)
        finally:
            await manager.aclose()
        return tuple(f"{each.id} is unavailable" for each in members if each.status is HealthStatus.UNAVAILABLE)

    return asyncio.run(look())


def _tell(name: str, settings: PluginKeyManagerSettings) -> _Told:
    secrets = {each: resolve_secret(reference, os.environ) for each, reference in settings.secrets.items()}
    return _Told(_load(settings.plugin), name, dict(settings.settings), secrets)


def _load(name: str) -> KeyManagerPlugin:
    installed = entry_points(group=GROUP)
    if name not in installed.names:
        there = ", ".join(sorted(installed.names)) or "none"
        raise OperatorError(f"no installed package brings a key manager {name!r} ({GROUP}); there are: {there}")
    try:
        found = installed[name].load()
        plugin = found() if isinstance(found, type) else found
    except Exception as error:
        raise OperatorError(f"the key manager plug-in {name!r} cannot be loaded: {type(error).__name__}") from error
    return cast("KeyManagerPlugin", plugin)
