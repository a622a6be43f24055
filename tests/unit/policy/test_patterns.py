from __future__ import annotations

import pytest

from hyok.policy.patterns import Pattern, Variable, Wildcard, fixed, parse_pattern, resolve, split_arn

MANY, ONE = Wildcard.MANY, Wildcard.ONE


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("", ()),
        ("abc", ("abc",)),
        ("a*b?", ("a", MANY, "b", ONE)),
        ("a***", ("a", MANY)),
        ("$", ("$",)),
        ("a$b$", ("a$b$",)),
        ("a${*}b", ("a*b",)),
        ("${$}{x}", ("${x}",)),
        ("${?}", ("?",)),
        ("${aws:UserName}", (Variable("aws:username", None),)),
        ("a${x:y}*", ("a", Variable("x:y", None), MANY)),
        ("${x:y, 'no one'}", (Variable("x:y", "no one"),)),
        ("${x:y,''}", (Variable("x:y", ""),)),
        ("${aws:PrincipalTag/cost center}", (Variable("aws:principaltag/cost center", None),)),
        ("${x:y, 'a}b*'}", (Variable("x:y", "a}b*"),)),
    ],
)
def test_a_text_is_read_with_its_wildcards_and_variables(text: str, pattern: Pattern) -> None:
    assert parse_pattern(text, has_wildcards=True, has_variables=True) == pattern


@pytest.mark.parametrize("text", ["${", "a${}", "${x", "${x:y, no}", "${x:y, 'no}", "${a${b}}"])
def test_what_begins_a_variable_must_be_one(text: str) -> None:
    with pytest.raises(ValueError, match="begins no variable"):
        parse_pattern(text, has_wildcards=True, has_variables=True)


def test_without_variables_a_dollar_is_a_dollar_and_a_wildcard_still_one() -> None:
    assert parse_pattern("${*}${", has_wildcards=True, has_variables=False) == ("${", MANY, "}${")


def test_without_wildcards_an_asterisk_is_an_asterisk() -> None:
    assert parse_pattern("a*${?}?", has_wildcards=False, has_variables=True) == ("a*??",)


def test_only_a_pattern_without_variables_is_fixed() -> None:
    assert fixed(("a", MANY)) == ("a", MANY)
    assert fixed(("a", Variable("x:y", "z"))) is None


def test_a_variable_is_replaced_by_the_requests_value_literally() -> None:
    pattern = ("a", Variable("x:y", None), MANY)
    assert resolve(pattern, {"x:y": "*b"}) == ("a*b", MANY)
    assert resolve(pattern, {"x:y": True}) == ("atrue", MANY)
    assert resolve(pattern, {"x:y": 7.0}) == ("a7", MANY)


def test_a_variable_without_value_and_default_leaves_nothing() -> None:
    assert resolve((Variable("x:y", None),), {}) is None
    assert resolve((Variable("x:y", None),), {"x:y": ("a",)}) is None
    assert resolve((Variable("x:y", "d"),), {"x:y": ("a",)}) == ("d",)


def test_an_arn_is_divided_at_its_first_five_colons() -> None:
    pattern = parse_pattern("arn:*:iam::${x:y}:a:b", has_wildcards=True, has_variables=True)
    assert split_arn(pattern) == (("arn",), (MANY,), ("iam",), (), (Variable("x:y", None),), ("a:b",))


@pytest.mark.parametrize("text", ["", "*", "arn:aws:iam::1", "urn:aws:iam::1:role/a", "a*:aws:iam::1:role/a"])
def test_what_has_not_the_six_fields_of_an_arn_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="six fields"):
        split_arn(parse_pattern(text, has_wildcards=True, has_variables=True))
