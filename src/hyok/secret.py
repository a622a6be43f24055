"""A wrapper that keeps secrets out of logs, errors and tracebacks."""

from __future__ import annotations

import hmac
from typing import Final, NoReturn


class Secret:
    """Bytes that must not be shown: a redacted `repr`, comparison in constant time, no pickling.

    Python cannot promise to erase memory; the wrapper guards against showing a secret by accident.
    """

    __slots__ = ("_value",)
    __hash__: Final = None  # type: ignore[assignment]  # a secret in a set or as a key would be compared in variable time

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Return the bytes themselves; call it as late as possible."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __repr__(self) -> str:
        return f"Secret({len(self._value)} bytes)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled; hand over its revealed bytes on purpose")
