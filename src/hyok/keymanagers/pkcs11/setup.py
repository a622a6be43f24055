"""What a PKCS#11 key manager is made of."""

from __future__ import annotations

from typing import NamedTuple

from hyok.keymanagers.pkcs11.modules import Module
from hyok.keymanagers.pkcs11.opening import TokenAccess


class Pkcs11Setup(NamedTuple):
    """A key manager's part of the configuration, with its library loaded and its PIN fetched."""

    name: str
    """The key manager's, for threads and logs."""
    module: Module
    access: TokenAccess
    sessions: int = 32
    """Most sessions, and threads."""
    queue_length: int = 256
    """Most calls that wait for one."""
