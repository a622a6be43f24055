from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hyok.policy.dialects import PROXY_POLICY
from hyok.policy.operators import OPERATORS
from hyok.policy.parsing import parse_policy

TEXT = (Path(__file__).parents[3] / "docs/policy-language.md").read_text()
WORDS = frozenset(re.findall(r"`([^`\n]+)`", TEXT))


@pytest.mark.parametrize("name", [operator.name for operator in OPERATORS])
def test_every_operator_is_documented(name: str) -> None:
    assert name in WORDS


@pytest.mark.parametrize("name", [*PROXY_POLICY.condition_keys, *PROXY_POLICY.actions])
def test_every_name_of_a_proxy_policy_is_documented(name: str) -> None:
    assert (f"{name}NAME" if name.endswith("/") else name) in WORDS


def test_the_example_is_a_proxy_policy() -> None:
    example = TEXT.partition("```json\n")[2].partition("```")[0]
    assert json.loads(example)
    assert len(parse_policy(example, PROXY_POLICY).statements) == 2
