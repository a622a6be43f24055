"""Action, NotAction, Resource and NotResource (IAM User Guide, "Action", "Resource", "Variables and tags")."""

from __future__ import annotations

import re
from typing import Final

from hyok.policy.condition_parsing import refuse_unknown_variables
from hyok.policy.document import Choice, Effect
from hyok.policy.elements import PlacedText, Source, texts_of
from hyok.policy.errors import quote, suggest
from hyok.policy.json_reader import JsonMember
from hyok.policy.matching import compile_text
from hyok.policy.patterns import ARN_FIELDS, Pattern, Variable, fixed, parse_pattern

_ACTION: Final = re.compile(r"\*|[A-Za-z0-9*?-]+:[A-Za-z0-9*?]+")


def parse_actions(source: Source, member: JsonMember) -> Choice:
    """Read Action or NotAction."""
    texts = texts_of(source, member.value, owner=member.name)
    for text in texts:
        if not _ACTION.fullmatch(text.text):
            raise source.fault(f'{quote(text.text)} is no action; one is written as "kms:Encrypt" or "kms:*"', text.at)
        _refuse_unknown_action(source, text)
    return Choice(tuple(text.text for text in texts), member.name == "NotAction")


def parse_resources(source: Source, member: JsonMember, *, effect: Effect) -> Choice:
    """Read Resource or NotResource."""
    texts = texts_of(source, member.value, owner=member.name)
    for text in texts:
        if text.text != "*" and not text.text.startswith("arn:"):
            raise source.fault(f'{quote(text.text)} is no resource: it must be "*" or an ARN', text.at)
        try:
            pattern = parse_pattern(text.text, has_wildcards=True, has_variables=source.has_variables)
        except ValueError as error:
            raise source.fault(f"{quote(text.text)}: {error}", text.at) from None
        _refuse_early_variables(source, pattern, text)
        refuse_unknown_variables(source, pattern, effect=effect, at=text.at)
    return Choice(tuple(text.text for text in texts), member.name == "NotResource")


def _refuse_unknown_action(source: Source, text: PlacedText) -> None:
    known = source.dialect.actions
    pattern = fixed(parse_pattern(text.text.lower(), has_wildcards=True, has_variables=False)) or ()
    if known and not any(map(compile_text(pattern).matches, map(str.lower, known))):
        raise source.fault(
            f"{quote(text.text)} is no action of {source.dialect.title}{suggest(text.text, known)}", text.at
        )


def _refuse_early_variables(source: Source, pattern: Pattern, text: PlacedText) -> None:
    colons = 0
    for part in pattern:
        if isinstance(part, str):
            colons += part.count(":")
        elif isinstance(part, Variable) and colons < ARN_FIELDS - 1:
            raise source.fault(f"{quote(text.text)}: a variable may stand in the last field of the ARN only", text.at)
