"""What an operation on an external key is given besides the request's own fields."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from hyok.audit.event import RequestRecord
from hyok.clock import Deadline
from hyok.keymanagers.interface import KeyManager
from hyok.proxy.keystores import ExternalKey
from hyok.proxy.predecessors import AadLayout


class KeyCall(Struct, frozen=True, gc=False):
    """One use of one external key."""

    manager: KeyManager
    key: ExternalKey
    deadline: Deadline
    predecessors: Mapping[bytes, tuple[AadLayout, ...]]
    """What else than our own ciphertext the key store reads."""
    record: RequestRecord
    """Where the operation notes what it used, also if it then fails."""
