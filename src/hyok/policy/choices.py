"""Action and Resource, and their negations, compiled."""

from __future__ import annotations

from typing import NamedTuple

from hyok.policy.document import Choice
from hyok.policy.matching import TextPattern, compile_resource
from hyok.policy.patterns import ARN_FIELDS, Pattern, fixed, parse_pattern, resolve
from hyok.policy.values import Context


class CompiledChoice(NamedTuple):
    """The texts of an element."""

    patterns: tuple[TextPattern, ...]
    templates: tuple[Pattern, ...]
    """Those with variables."""
    is_negated: bool


def compile_actions(choice: Choice) -> CompiledChoice:
    """Compile Action or NotAction; they match actions in lower case."""
    read = [parse_pattern(text.lower(), has_wildcards=True, has_variables=False) for text in choice.texts]
    return _compiled(read, is_negated=choice.is_negated)


def compile_resources(choice: Choice, *, has_variables: bool) -> CompiledChoice:
    """Compile Resource or NotResource."""
    read = [
        parse_pattern(_complete_arn(text), has_wildcards=True, has_variables=has_variables) for text in choice.texts
    ]
    return _compiled(read, is_negated=choice.is_negated)


def is_chosen(choice: CompiledChoice, text: str, context: Context) -> bool:
    """Tell whether an element is about an action or a resource.

    As in a condition, a negated element with a variable that has no value is about nothing.
    """
    resolved = [resolve(template, context) for template in choice.templates]
    if choice.is_negated and None in resolved:
        return False
    patterns = (*choice.patterns, *(compile_resource(pattern) for pattern in resolved if pattern is not None))
    return any(pattern.matches(text) for pattern in patterns) is not choice.is_negated


def _compiled(read: list[Pattern], *, is_negated: bool) -> CompiledChoice:
    constant = [(pattern, fixed(pattern)) for pattern in read]
    return CompiledChoice(
        patterns=tuple(compile_resource(known) for _, known in constant if known is not None),
        templates=tuple(pattern for pattern, known in constant if known is None),
        is_negated=is_negated,
    )


def _complete_arn(text: str) -> str:
    """Add wildcards for the fields that an ARN lacks (IAM User Guide, "Resource")."""
    missing = ARN_FIELDS - 1 - text.count(":")
    return text if text == "*" else text + ":*" * missing
