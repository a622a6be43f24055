"""The closed set of ways in which a key manager fails."""

from __future__ import annotations

from enum import Enum

from hyok.errors import HyokError


class KeyManagerFailure(Enum):
    """What went wrong, in the words every kind of key manager shares.

    `proxy/translate.py` is the one total map from here to the errors of the XKS proxy API.
    """

    KEY_NOT_FOUND = "key not found"
    KEY_DISABLED = "key disabled"
    USAGE_NOT_PERMITTED = "usage not permitted"
    CIPHERTEXT_REJECTED = "ciphertext rejected"
    UNSUPPORTED = "unsupported"
    OVERLOADED = "overloaded"
    TIMED_OUT = "timed out"
    UNAVAILABLE = "unavailable"


class KeyManagerError(HyokError):
    """The one error that a `KeyManager` raises. `detail` is for the operator's log and never holds key material."""

    def __init__(self, failure: KeyManagerFailure, detail: str = "") -> None:
        super().__init__(f"{failure.value}: {detail}" if detail else failure.value)
        self.failure = failure
        self.detail = detail


class KeyRotatedError(KeyManagerError):
    """The version asked to encrypt does so no longer. Asking for the active version again, once, helps."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(KeyManagerFailure.UNAVAILABLE, detail)
