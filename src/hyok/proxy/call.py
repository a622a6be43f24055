"""What an operation on an external key is given besides the request's own fields."""

from __future__ import annotations

from typing import NamedTuple

from hyok.audit.event import RequestRecord
from hyok.clock import Deadline
from hyok.keymanagers.interface import KeyManager


class KeyCall(NamedTuple):
    """One use of one external key."""

    manager: KeyManager
    key_id: str
    """The key's name in that manager."""
    deadline: Deadline
    record: RequestRecord
    """Where the operation notes what it used, also if it then fails."""
