"""Lists in pages: at most `Limit` items and an opaque marker that leads to the rest."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from hyok.awsjson.errors import AwsError
from hyok.kms import errors
from hyok.kms.operation import Input


class Page(NamedTuple):
    """One page of sorted names."""

    names: Sequence[str]
    next_marker: str | None
    """None on the last page."""

    def output(self) -> dict[str, object]:
        """Return the members that every AWS list has besides its items."""
        if self.next_marker is None:
            return {"Truncated": False}
        return {"Truncated": True, "NextMarker": self.next_marker}


def read_limit(request: Input, *, default: int, most: int) -> int:
    """Return how many items a list is to have at most. ValidationException outside of what the service allows."""
    limit: int = request.get("Limit", default)
    if limit > most:
        raise errors.out_of_range("limit", limit, least=1, most=most)
    return limit


def page_of(sorted_names: Sequence[str], *, limit: int, marker: str | None) -> Page:
    """Return up to `limit` names after the marker; one that was removed meanwhile does not disturb.

    AwsError InvalidMarkerException for a marker that no page gave.
    """
    start = bisect_right(sorted_names, _decode_marker(marker)) if marker else 0
    names = sorted_names[start : start + limit]
    has_more = start + limit < len(sorted_names)
    return Page(names, _encode_marker(names[-1]) if has_more else None)


def _encode_marker(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _decode_marker(marker: str) -> str:
    try:
        return base64.b64decode(marker, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise AwsError("InvalidMarkerException", "Could not deserialize marker.") from error
