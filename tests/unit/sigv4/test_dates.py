from __future__ import annotations

import pytest

from hyok.sigv4.dates import format_amz_date, parse_amz_date


def test_a_date_is_written_to_the_second_in_utc() -> None:
    assert format_amz_date(1_440_938_160.999) == b"20150830T123600Z"


def test_a_date_is_read_as_unix_seconds() -> None:
    assert parse_amz_date(b"20150830T123600Z") == 1_440_938_160.0


@pytest.mark.parametrize(
    "amz_date",
    [
        b"",
        b"20150830T123600",
        b"20150830 123600Z",
        b"20150830t123600z",
        b"2015-08-30T12:36",
        b"2015W351T123600Z",
        b"20151330T123600Z",
        b"20150230T123600Z",
        b"20150830T126000Z",
        b"20150830T123660Z",
        b"00000830T123600Z",
        b"20150830T123600Z0",
        b"2015083 T123600Z",
        b"Sun, 30 Aug 2015 12:36:00 GMT",
        "2015083\u0660T123600Z".encode(),
    ],
)
def test_anything_else_is_no_date(amz_date: bytes) -> None:
    with pytest.raises(ValueError):
        parse_amz_date(amz_date)
