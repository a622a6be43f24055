"""The embedded key manager, from its settings."""

from __future__ import annotations

from hyok.assembly.key_manager_access import KeyManagerAccess, OpenKeyManager
from hyok.config.settings import EmbeddedKeyManagerSettings
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.embedded.disposal import KeyDisposal
from hyok.keymanagers.embedded.leasing import Leasing
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager


def open_embedded(settings: EmbeddedKeyManagerSettings, access: KeyManagerAccess) -> OpenKeyManager:
    """Load its keys, and lease what they may encrypt soon."""
    leasing = Leasing(access.safe, access.clock, rotate_after=settings.rotate_after_encryptions)
    manager = EmbeddedKeyManager(access.storage, leasing)
    manager.lease_ahead()
    return OpenKeyManager(
        manager,
        apply=manager.apply,
        upkeep=KeyDisposal(access.storage, access.safe, access.clock).run,
        encryption_share=manager.most_used_share,
        forget_material=manager.forget_material,
    )


def administer_embedded(access: KeyManagerAccess) -> EmbeddedKeyAdministrator:
    """Make what changes its keys."""
    return EmbeddedKeyAdministrator(access.storage, access.safe, access.clock)
