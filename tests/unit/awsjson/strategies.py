"""Hypothesis strategies for valid values of the published model's shapes."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.unit.awsjson.support import published_model

LONGEST = 60
"""Values are kept this short where the model allows: constraints are tested elsewhere, at their edges."""
_ONE_CLASS = re.compile(r"\^?(\[(?:[^\]\\]|\\.)+\])[+*]\$?")
_JAVA_LINE_ENDS = set("\n\r\u0085\u2028\u2029")


@cache
def values_of(name: str) -> st.SearchStrategy[Any]:
    """Return a strategy of valid values, as Python has them: blobs as bytes, times as whole Unix seconds."""
    shape = published_model()["shapes"][name]
    low = shape.get("min", 0)
    high = max(low, min(shape.get("max", LONGEST), LONGEST))
    kind = shape["type"]
    if kind == "structure":
        return _structures(shape)
    if kind == "list":
        return st.lists(values_of(shape["member"]["shape"]), min_size=low, max_size=min(high, 4))
    if kind == "string":
        return st.sampled_from(shape["enum"]) if "enum" in shape else _strings(name, shape, low, high)
    if kind == "blob":
        return st.binary(min_size=low, max_size=high)
    return {
        "integer": st.integers(shape.get("min", 0), shape.get("max", LONGEST)),
        "boolean": st.booleans(),
        "timestamp": st.integers(0, 4_000_000_000).map(float),
        "map": st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=4),
    }[kind]


def _structures(shape: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    members = {name: values_of(reference["shape"]) for name, reference in shape.get("members", {}).items()}
    required = shape.get("required", [])
    return st.fixed_dictionaries(
        {name: members[name] for name in required},
        optional={name: value for name, value in members.items() if name not in required},
    )


def _strings(name: str, shape: dict[str, Any], low: int, high: int) -> st.SearchStrategy[str]:
    pattern = "[\\x00-\\x7f]+" if name == "KeyIdType" else shape.get("pattern")
    if pattern is None:
        return st.text(min_size=low, max_size=high)
    one_class = _ONE_CLASS.fullmatch(pattern)
    if one_class is not None:
        matches = re.compile(one_class.group(1), re.ASCII).fullmatch
        alphabet = [chr(code) for code in range(0x180) if matches(chr(code))]
        return st.text(alphabet, min_size=max(low, 1), max_size=high)
    matching = st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)
    return matching.filter(lambda text: low <= len(text) <= shape["max"] and not _JAVA_LINE_ENDS & set(text))
