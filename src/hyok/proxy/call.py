"""What an operation on an external key is given besides the request's own fields."""

from __future__ import annotations

from msgspec import Struct

from hyok.audit.event import RequestRecord
from hyok.clock import Deadline
from hyok.keymanagers.interface import KeyManager
from hyok.proxy.keystores import ExternalKey


class KeyCall(Struct, frozen=True, gc=False):
    """One use of one external key."""

    manager: KeyManager
    key: ExternalKey
    deadline: Deadline
    record: RequestRecord
    """Where the operation notes what it used, also if it then fails."""
