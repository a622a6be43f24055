"""Policies: the compiled, indexed evaluator decides as one that is right at sight, and explains what it decides."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hyok.policy.compiled import CompiledPolicies, compile_policies
from hyok.policy.dialects import Dialect
from hyok.policy.errors import PolicyError
from hyok.policy.explanation import explain
from hyok.policy.json_reader import JsonArray, JsonNode, JsonObject, JsonText, read_json
from hyok.policy.matching import TextPattern, compile_arn, compile_resource, compile_text
from hyok.policy.memory import DecisionMemory
from hyok.policy.parsing import parse_policy
from hyok.policy.pattern_index import PatternIndex
from hyok.policy.patterns import FixedPattern, Wildcard, fixed, parse_pattern, split_arn
from hyok.policy.values import Request
from tests.sizes import size
from tests.unit.policy import oracle
from tests.unit.policy.random_policies import PolicySet, draw_policies, draw_request

widely = settings(max_examples=size(usual=300, nightly=20_000))
quickly = settings(max_examples=size(usual=150, nightly=5_000))
seeds = st.integers(0, 2**32 - 1)


def compiled(policies: PolicySet) -> CompiledPolicies:
    return compile_policies(
        {name: parse_policy(json.dumps(one), policies.dialect) for name, one in policies.documents.items()}
    )


def as_request(request: dict[str, Any]) -> Request:
    return Request(**request)


@widely
@given(seeds)
def test_policies_are_decided_as_the_oracle_decides_them(seed: int) -> None:
    source = Random(seed)
    drawn = draw_policies(source)
    policies = compiled(drawn)
    for request in (draw_request(source) for _ in range(6)):
        decision = policies.decide(as_request(request))
        expected = oracle.decide(drawn.documents, request, accounts_delegate=drawn.dialect.accounts_delegate)
        assert (decision.outcome.value, decision.policy or "", decision.statement or "") == expected
        assert explain(policies, as_request(request)).decision == decision


@widely
@given(seeds)
def test_a_remembered_decision_is_the_one_that_would_be_made(seed: int) -> None:
    source = Random(seed)
    policies = compiled(draw_policies(source))
    memory = DecisionMemory(policies, max_decisions=8)
    asked = [as_request(draw_request(source)) for _ in range(12)]
    for request in (*asked, *asked):
        assert memory.decide(request) == policies.decide(request)


@widely
@given(seeds)
def test_what_is_no_input_changes_no_decision(seed: int) -> None:
    source = Random(seed)
    policies = compiled(draw_policies(source))
    lasting_keys, keys = policies.inputs.lasting_keys, policies.inputs.keys
    request, other = as_request(draw_request(source)), as_request(draw_request(source))
    judgement = policies.judge(request)
    needed = {key: value for key, value in request.context.items() if key in keys}
    assert policies.judge(request._replace(context=needed)) == judgement
    lasting = {key: value for key, value in request.context.items() if key in lasting_keys}
    others = {key: value for key, value in other.context.items() if key not in lasting_keys}
    if judgement.is_lasting:
        assert policies.judge(request._replace(context=lasting | others)) == judgement


# Patterns

pattern_texts = st.text("ab:*?", max_size=14)
plain_texts = st.text("ab:", max_size=16)
arn_patterns = st.lists(st.text("ab*?", max_size=4), min_size=5, max_size=6).map(
    lambda fields: "arn:" + ":".join(fields)
)
arn_texts = st.lists(st.text("ab", max_size=4), min_size=5, max_size=6).map(lambda fields: "arn:" + ":".join(fields))


def read(text: str) -> FixedPattern:
    return fixed(parse_pattern(text, has_wildcards=True, has_variables=False)) or ()


@widely
@given(pattern_texts, plain_texts)
def test_a_pattern_matches_what_the_oracle_matches(pattern: str, text: str) -> None:
    compiled_pattern = compile_text(read(pattern))
    assert compiled_pattern.matches(text) == oracle.like(pattern, text)
    if compiled_pattern.matches(text):
        assert text.startswith(compiled_pattern.prefix)


@widely
@given(arn_patterns, arn_texts | plain_texts)
def test_an_arn_matches_what_the_oracle_matches(pattern: str, text: str) -> None:
    fields = [tuple(part for part in field if isinstance(part, str | Wildcard)) for field in split_arn(read(pattern))]
    assert compile_arn(fields).matches(text) == oracle.arn_like(pattern, text)


@widely
@given(
    st.lists(st.tuples(st.sampled_from(("text", "resource", "arn")), arn_patterns | pattern_texts), max_size=8),
    arn_texts | plain_texts,
)
def test_an_index_finds_what_trying_each_pattern_finds(kinds: list[tuple[str, str]], text: str) -> None:
    patterns: list[TextPattern] = []
    for kind, pattern in kinds:
        if kind == "arn" and pattern.startswith("arn:") and pattern.count(":") >= 5:
            patterns.append(compile_arn([fixed(field) or () for field in split_arn(read(pattern))]))
        else:
            patterns.append((compile_resource if kind == "resource" else compile_text)(read(pattern)))
    tried = sum(1 << place for place, pattern in enumerate(patterns) if pattern.matches(text))
    assert PatternIndex((pattern, 1 << place) for place, pattern in enumerate(patterns)).find(text) == tried


# The parser

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def plain_value(node: JsonNode) -> Any:
    match node:
        case JsonObject():
            return {member.name: plain_value(member.value) for member in node.members}
        case JsonArray():
            return [plain_value(item) for item in node.items]
        case JsonText():
            return node.text
        case _:
            return json.loads(node.text)


@quickly
@given(json_values, st.sampled_from((None, 0, 3)), st.booleans())
def test_json_is_read_as_the_standard_library_reads_it(value: Any, indent: int | None, ensure_ascii: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ensure_ascii)
    assert plain_value(read_json(text, max_depth=20).root) == value


@quickly
@given(seeds)
def test_a_document_with_a_piece_cut_out_is_a_policy_or_faulty_at_a_place_of_it(seed: int) -> None:
    source = Random(seed)
    drawn = draw_policies(source)
    text = json.dumps(drawn.documents["p"], indent=1)
    start = source.randrange(len(text))
    refuse_or_decide(text[:start] + text[start + source.randint(1, 30) :], drawn.dialect, source)


@widely
@given(seeds, json_values)
def test_a_document_with_another_value_somewhere_is_a_policy_or_faulty_at_a_place_of_it(seed: int, value: Any) -> None:
    source = Random(seed)
    drawn = draw_policies(source)
    document = drawn.documents["p"]
    place: Any = document
    while True:
        key = source.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if source.random() < 0.4 or not isinstance(place[key], dict | list) or not place[key]:
            break
        place = place[key]
    place[key] = source.choice(("", "*", "arn:aws:iam::1*:role/x", "${x", "kms:*", ["a", 7], {"AWS": "*"}, value))
    refuse_or_decide(json.dumps(document, indent=1), drawn.dialect, source)


def refuse_or_decide(text: str, dialect: Dialect, source: Random) -> None:
    """Read a document; it is refused at a place that it has, or decides as it explains."""
    try:
        policies = compile_policies({"p": parse_policy(text, dialect)})
    except PolicyError as error:
        lines = text.split("\n")
        assert 1 <= error.line <= len(lines)  # noqa: PT017  # both outcomes are right, each in its way
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1  # noqa: PT017  # likewise
    else:
        request = as_request(draw_request(source))
        assert explain(policies, request).decision == policies.decide(request)
