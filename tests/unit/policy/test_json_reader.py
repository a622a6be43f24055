from __future__ import annotations

import pytest

from hyok.policy.errors import PolicyError
from hyok.policy.json_reader import JsonArray, JsonMember, JsonObject, JsonText, JsonWord, read_json


def test_everything_is_read_with_its_place() -> None:
    document = read_json('{"a": [1, "b\\u0041", true],\n "c": {}}', max_depth=3)
    assert document.root == JsonObject(
        0,
        (
            JsonMember(1, "a", JsonArray(6, (JsonWord(7, "1"), JsonText(10, "bA"), JsonWord(21, "true")))),
            JsonMember(29, "c", JsonObject(34, ())),
        ),
    )
    assert document.line_of(29) == 2


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1, column 1: expected a value; found the end"),
        ("{", "line 1, column 2: expected the name of a member, in double quotes; found the end"),
        ('{"a" 1}', 'line 1, column 6: expected ":"; found `1}`'),
        ('{"a": 1\n "b": 2}', 'line 2, column 2: expected "," or "}"; found `"b": 2}`'),
        ('{"a": 1,}', "line 1, column 9: expected the name of a member, in double quotes; found `}`"),
        ("[1 2]", 'line 1, column 4: expected "," or "]"; found `2]`'),
        ("[1,]", "line 1, column 4: expected a value; found `]`"),
        ("{} {}", "line 1, column 4: expected nothing more; found `{}`"),
        ("[\n\n  nul]", "line 3, column 3: no JSON begins here; found `nul]`"),
        ("[01]", "line 1, column 2: no JSON begins here; found `01]`"),
        ("[1.]", "line 1, column 2: no JSON begins here; found `1.]`"),
        ("[NaN]", "line 1, column 2: no JSON begins here; found `NaN]`"),
        ("['a']", "line 1, column 2: no JSON begins here; found `'a']`"),
        ('["abcdefghijklmnopqrstuvwxyz', 'line 1, column 2: no JSON begins here; found `"abcdefghijklmnopqrs…`'),
        ('["a\nb"]', 'line 1, column 2: no JSON begins here; found `"a\\nb"]`'),
        (r'["\x"]', r'line 1, column 2: a backslash stands before what cannot be escaped; found `"\\x"]`'),
        (r'["\ud800"]', r'line 1, column 2: half of a surrogate pair is no character; found `"\\ud800"]`'),
        ('["\ud800"]', r'line 1, column 2: half of a surrogate pair is no character; found `"\ud800"]`'),
        ('{"a": 1, "a": 2}', 'line 1, column 10: "a" is here a second time; found `"a": 2}`'),
        (r'{"a": 1, "\u0061": 2}', r'line 1, column 10: "a" is here a second time; found `"\\u0061": 2}`'),
        ("[[[[]]]]", "line 1, column 4: nested deeper than 3 levels; found `[]]]]`"),
    ],
)
def test_what_is_no_json_is_shown_at_its_place(text: str, fault: str) -> None:
    with pytest.raises(PolicyError) as raised:
        read_json(text, max_depth=3)
    assert str(raised.value) == fault


def test_deep_nesting_is_refused_before_it_is_followed() -> None:
    with pytest.raises(PolicyError, match="nested deeper than 8 levels"):
        read_json("[" * 100_000, max_depth=8)
