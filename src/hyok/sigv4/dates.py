"""The one date format of SigV4: `20150830T123600Z`, always UTC, to the second.

Both directions remember their last answers, because all requests of one second carry the same date.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


def format_amz_date(now: float) -> bytes:
    """Write Unix seconds as `x-amz-date`; fractions of a second are cut off."""
    return _format_second(int(now))


@lru_cache(maxsize=16)
def parse_amz_date(amz_date: bytes) -> float:
    """Read `x-amz-date` as Unix seconds. ValueError unless it has exactly that form and names a real instant."""
    # The shape is checked first: `fromisoformat` alone would take week dates and dashes as well.
    digits = amz_date[:8] + amz_date[9:15]
    if amz_date[8:9] != b"T" or amz_date[15:] != b"Z" or not digits.isdigit():
        raise ValueError(f"expected YYYYMMDDTHHMMSSZ, found {len(amz_date)} bytes of another form")
    return datetime.fromisoformat(amz_date.decode()).timestamp()


@lru_cache(maxsize=16)
def _format_second(second: int) -> bytes:
    return datetime.fromtimestamp(second, UTC).strftime("%Y%m%dT%H%M%SZ").encode()
