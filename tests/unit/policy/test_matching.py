from __future__ import annotations

from collections.abc import Iterator
from random import Random
from time import thread_time

import pytest

from hyok.policy.matching import TextPattern, compile_arn, compile_resource, compile_text
from hyok.policy.patterns import FixedPattern, fixed, parse_pattern, split_arn
from tests.sizes import size

LONGEST_PATTERN = 4096
LONG_TEXT = 8192


def read(text: str) -> FixedPattern:
    return fixed(parse_pattern(text, has_wildcards=True, has_variables=False)) or ()


def arn(text: str) -> TextPattern:
    return compile_arn([fixed(field) or () for field in split_arn(read(text))])


@pytest.mark.parametrize(
    ("pattern", "prefix", "is_literal", "is_prefix"),
    [
        ("", "", True, False),
        ("abc", "abc", True, False),
        ("abc*", "abc", False, True),
        ("*", "", False, True),
        ("**", "", False, True),
        ("?*", "", False, False),
        ("a?*", "a", False, False),
        ("a*b", "a", False, False),
        ("*a", "", False, False),
    ],
)
def test_a_pattern_tells_what_an_index_can_do_with_it(
    pattern: str, prefix: str, *, is_literal: bool, is_prefix: bool
) -> None:
    assert compile_text(read(pattern))[1:] == (prefix, is_literal, is_prefix, None)


@pytest.mark.parametrize(
    ("pattern", "prefix", "is_literal", "is_prefix"),
    [
        ("arn:aws:iam::1:role/a", "arn:aws:iam::1:role/a", True, False),
        ("arn:aws:iam::1:role/a*", "arn:aws:iam::1:role/a", False, True),
        ("arn:aws:iam::1:*", "arn:aws:iam::1:", False, True),
        ("arn:aws:iam::*:role/a", "arn:aws:iam::", False, False),
        ("arn:*:iam::1:role/a", "arn:", False, False),
    ],
)
def test_an_arn_tells_what_an_index_can_do_with_it(
    pattern: str, prefix: str, *, is_literal: bool, is_prefix: bool
) -> None:
    assert arn(pattern)[1:4] == (prefix, is_literal, is_prefix)


def test_an_arns_wildcard_ends_at_a_colon_but_in_the_last_field() -> None:
    assert arn("arn:aws:kms:*:1:key*").matches("arn:aws:kms:eu:1:key:more")
    assert not arn("arn:aws:kms:*:1:key").matches("arn:aws:kms:eu:2:1:key")


def test_a_resources_wildcard_reaches_over_colons() -> None:
    assert compile_resource(read("arn:aws:kms:*:key")).matches("arn:aws:kms:eu:2:1:key")
    assert compile_resource(read("arn:aws:kms:*:1:key")).matches("arn:aws:kms:eu:2:1:key")


def test_a_field_with_a_colon_in_it_matches_no_field() -> None:
    pattern = compile_arn([("arn",), ("aws",), ("iam",), (), ("1:2",), ("user/a",)])
    assert not pattern.is_literal
    assert not pattern.matches("arn:aws:iam::1:2:user/a")


def long_patterns(source: Random) -> Iterator[tuple[str, str]]:
    """Yield repetitions of a few characters, which is what costs backtracking matchers most."""
    for _ in range(size(usual=150, nightly=3000)):
        unit = "".join(source.choice("aab*?") for _ in range(source.randint(1, 6)))
        start, end = source.choice(("", "*", "*b", "a")), source.choice(("", "*", "b", "b*", "?b*"))
        repeated = unit * (LONGEST_PATTERN // len(unit))
        text = source.choice(("a", "ab", "aab", "a" * 50 + "b", "b")) * LONG_TEXT
        yield f"{start}{repeated}{end}", text[:LONG_TEXT]
    for pattern in (
        "*" + "a" * 2000 + "b" + "a" * 2000 + "*",
        "*" + "?" * 4000 + "b*",
        "*a?" * 1365,
        "a*" * 2048 + "b",
    ):
        yield pattern, "a" * LONG_TEXT


def test_no_pattern_takes_long_on_a_long_text() -> None:
    # A matcher that goes back needs 4096 times 8192 steps for these at least, and many of them exponentially more.
    slowest = 0.0
    for pattern, text in long_patterns(Random(1)):
        matches = compile_text(read(pattern)).matches
        began = thread_time()
        matches(text)
        slowest = max(slowest, thread_time() - began)
    assert slowest < 0.1


def test_twice_the_text_takes_about_twice_the_time() -> None:
    matches = compile_text(read("*" + "a?" * 500 + "b*")).matches

    def seconds_for(length: int) -> float:
        text = "a" * length
        taken = []
        for _ in range(5):
            began = thread_time()
            matches(text)
            taken.append(thread_time() - began)
        return min(taken)

    assert seconds_for(40_000) < 4 * seconds_for(20_000)
