"""Clusters, from their settings and the key managers that are their members."""

from __future__ import annotations

from collections.abc import Mapping

from hyok.config.settings import ClusterKeyManagerSettings
from hyok.keymanagers.cluster.administrator import ClusterKeyAdministrator
from hyok.keymanagers.cluster.manager import Choice, ClusterKeyManager
from hyok.keymanagers.interface import KeyAdministrator, KeyManager


def make_cluster(settings: ClusterKeyManagerSettings, managers: Mapping[str, KeyManager]) -> ClusterKeyManager:
    """Make one key manager of several, which stay usable by themselves."""
    return ClusterKeyManager(
        [(name, managers[name]) for name in settings.members],
        choice=Choice(settings.choice),
        hedge_after_seconds=settings.hedge_after_seconds,
    )


def administer_cluster(
    settings: ClusterKeyManagerSettings, administrators: Mapping[str, KeyAdministrator]
) -> ClusterKeyAdministrator:
    """Make what changes keys in all members."""
    return ClusterKeyAdministrator(
        [(name, administrators[name]) for name in settings.members], members_replicate=settings.members_replicate
    )
