"""What a call leaves behind for its event: filled in while it is answered, by whoever finds something out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hyok.kms.custom_key_stores import CustomKeyStore
from hyok.kms.values import KmsKey


class CallTrace:
    """Of one call. Calls have one only where events are recorded."""

    __slots__ = ("input", "keys", "output", "store")

    def __init__(self) -> None:
        self.input: Mapping[str, Any] | None = None
        """The decoded request; None if it could not be decoded."""
        self.output: Mapping[str, object] | None = None
        """The answer of a call that succeeded."""
        self.keys: list[KmsKey] = []
        """The keys that the call is about, as they were found; of ReEncrypt first the source."""
        self.store: CustomKeyStore | None = None
        """The custom key store that the call is about, as it was."""
