"""What exports and sinks are not told of a record; no I/O. The trail keeps all: redacted it could not be verified."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final

LEAST_KEY_BYTES: Final = 32
_PSEUDONYM_BYTES: Final = 15
PSEUDONYM_PREFIX: Final = "pseudonym:"


class Redaction:
    """Rules by the path of a field: `peer`, or `request_metadata.awsPrincipalArn`."""

    def __init__(self, removed: Sequence[str], pseudonymized: Sequence[str], key: bytes) -> None:
        """`key` makes the pseudonyms: the same value has the same one, as long as the key is the same."""
        self._removed = tuple(path.split(".") for path in removed)
        self._pseudonymized = tuple(path.split(".") for path in pseudonymized)
        self._key = key

    def apply(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return the record as it may be told."""
        redacted = dict(record)
        for path in self._removed:
            if (parent := _own_parent(redacted, path)) is not None:
                parent.pop(path[-1], None)
        for path in self._pseudonymized:
            if (parent := _own_parent(redacted, path)) is not None and path[-1] in parent:
                parent[path[-1]] = self._pseudonym_of(str(parent[path[-1]]))
        return redacted

    def _pseudonym_of(self, value: str) -> str:
        digest = hmac.digest(self._key, value.encode(), "sha256")[:_PSEUDONYM_BYTES]
        return PSEUDONYM_PREFIX + base64.b32encode(digest).decode().lower()


NO_REDACTION: Final = Redaction((), (), b"")


def _own_parent(record: dict[str, Any], path: Sequence[str]) -> dict[str, Any] | None:
    """Return the member that holds the last of the path, copied on the way; None if it is not there."""
    for name in path[:-1]:
        member = record.get(name)
        if not isinstance(member, Mapping):
            return None
        record[name] = member = dict(member)
        record = member
    return record
