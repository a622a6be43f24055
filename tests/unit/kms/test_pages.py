from __future__ import annotations

import pytest

from hyok.awsjson.errors import AwsError
from hyok.kms.pages import Page, page_of

NAMES = ["a", "b", "c", "d", "ü"]


def test_pages_put_together_are_the_whole_list() -> None:
    seen: list[str] = []
    marker: str | None = None
    for _ in range(3):
        page = page_of(NAMES, limit=2, marker=marker)
        seen += page.names
        marker = page.next_marker
    assert seen == NAMES
    assert marker is None


def test_a_last_page_that_is_just_full_has_no_marker() -> None:
    assert page_of(NAMES, limit=5, marker=None) == Page(NAMES, None)


def test_a_name_removed_between_pages_hides_no_other() -> None:
    first = page_of(NAMES, limit=2, marker=None)
    without = [name for name in NAMES if name != "b"]
    assert page_of(without, limit=2, marker=first.next_marker).names == ["c", "d"]


@pytest.mark.parametrize("marker", ["!", "YQ", "_____w==", "YQ==x"])
def test_a_marker_that_no_page_gave_is_refused(marker: str) -> None:
    with pytest.raises(AwsError, match="InvalidMarkerException"):
        page_of(NAMES, limit=2, marker=marker)


def test_a_page_tells_whether_there_is_more() -> None:
    assert Page(["a"], None).output() == {"Truncated": False}
    assert Page(["a"], "YQ==").output() == {"Truncated": True, "NextMarker": "YQ=="}
