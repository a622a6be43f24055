"""Requests and answers as CloudTrail shows them: lower camel case, without anything secret, encrypted or large.

Blobs (plaintext, ciphertext, keys, signatures) are never shown, as AWS has it; nor are passwords, credentials of
proxies and grant tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

_NEVER_SHOWN: Final = frozenset(
    {"KeyStorePassword", "XksProxyAuthenticationCredential", "GrantToken", "GrantTokens", "Recipient"}
)
_READ_ONLY: Final = (
    "Decapsulate",
    "Decrypt",
    "Derive",
    "Describe",
    "Encapsulate",
    "Encrypt",
    "Generate",
    "Get",
    "List",
    "ReEncrypt",
    "Sign",
    "Verify",
)
_SYMMETRIC: Final = "SYMMETRIC_DEFAULT"
_ALGORITHMS: Final[Mapping[str, tuple[str, ...]]] = {
    "Encrypt": ("encryptionAlgorithm",),
    "Decrypt": ("encryptionAlgorithm",),
    "ReEncrypt": ("sourceEncryptionAlgorithm", "destinationEncryptionAlgorithm"),
}


def is_read_only(operation: str) -> bool:
    """Tell whether CloudTrail calls an operation read-only: cryptography is, for it changes nothing that stays."""
    return operation.startswith(_READ_ONLY)


def request_parameters(operation: str, request: Mapping[str, Any] | None) -> dict[str, object] | None:
    """Return what an event shows of a decoded request; None if nothing is left, or there was none."""
    if request is None:
        return None
    shown = _shown(request)
    for name in _ALGORITHMS.get(operation, ()):
        shown.setdefault(name, _SYMMETRIC)  # always present, whether the caller named it or not
    return shown or None


def response_elements(operation: str, answer: Mapping[str, Any] | None) -> dict[str, object] | None:
    """Return what an event shows of an answer; None for operations that change nothing."""
    if answer is None or is_read_only(operation):
        return None
    return _shown(answer) or None


def _shown(members: Mapping[str, Any]) -> dict[str, object]:
    shown: dict[str, object] = {}
    for name, value in members.items():
        if name in _NEVER_SHOWN or value is None or isinstance(value, bytes):
            continue
        shown[name[0].lower() + name[1:]] = _value(name, value)
    return shown


def _value(name: str, value: Any) -> object:
    if isinstance(value, dict):
        # The names in an encryption context are the caller's own.
        return dict(value) if "EncryptionContext" in name else _shown(value)
    if isinstance(value, list | tuple):
        return [_value(name, each) for each in value if not isinstance(each, bytes)]
    if name.endswith("Date") and isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC).strftime("%b %d, %Y, %I:%M:%S %p")
    return value
