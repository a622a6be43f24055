"""Conditions, compiled to tests of a request's context.

What a request lacks or brings in another form matches no value, so that a positive operator fails and a negated one is
met. ForAnyValue and ForAllValues ask each value of the request by itself; without them a condition is met if any value
matches, or for a negated operator if none does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeVar

from hyok.policy.document import Condition
from hyok.policy.matching import TextPattern, compile_arn, compile_text
from hyok.policy.operators import ConditionOperator, Family, Operator, Qualifier
from hyok.policy.patterns import FixedPattern, Pattern, fixed, parse_pattern, resolve, split_arn, variables_of
from hyok.policy.scalars import (
    address_of,
    binary_of,
    bool_of,
    instant_of,
    number_of,
    parse_binary,
    parse_bool,
    parse_instant,
    parse_network,
    parse_number,
)
from hyok.policy.values import Context, Scalar, Value, text_of

Matches = Callable[[Scalar], bool]
"""Tells whether one value of the request matches any of the policy's."""

IsMet = Callable[[Context], bool]

_WITH_WILDCARDS: Final = frozenset((Family.TEXT_PATTERN, Family.ARN))
_TakenT = TypeVar("_TakenT")
_WrittenT = TypeVar("_WrittenT")


class CompiledCondition(NamedTuple):
    """A condition that can be tested."""

    condition: Condition
    is_met: IsMet
    keys: frozenset[str]
    """The condition keys it looks at, in lower case."""
    patterns: tuple[TextPattern, ...] | None
    """What a text has to match, if that is all there is to it: no other kind of value, and no variable."""


def compile_condition(condition: Condition, *, has_variables: bool) -> CompiledCondition:
    """Compile a condition; ValueError if a value is not of the operator's kind."""
    key = condition.key.lower()
    operator = condition.operator.operator
    if operator.family is Family.PRESENCE:
        wanted = frozenset(map(parse_bool, condition.texts))
        return CompiledCondition(
            condition, lambda context: (context.get(key, ()) == ()) in wanted, frozenset((key,)), None
        )
    if not operator.family.is_text:
        matches = _scalar_matches(operator, condition.texts)
        return CompiledCondition(condition, _testing(condition, matches), frozenset((key,)), None)
    written = [read_text(operator.family, text, has_variables=has_variables) for text in condition.texts]
    keys = frozenset((key, *(one.key for fields in written for field in fields for one in variables_of(field))))
    constant = [fields for fields in map(_fixed_fields, written) if fields is not None]
    if len(constant) < len(written):
        return CompiledCondition(condition, _testing_resolved(condition, _resolving(operator, written)), keys, None)
    patterns = tuple(_compile_fields(operator.family, fields) for fields in constant)
    matches = _text_matches(operator.family, patterns)
    return CompiledCondition(condition, _testing(condition, matches), keys, patterns)


def read_text(family: Family, text: str, *, has_variables: bool) -> tuple[Pattern, ...]:
    """Read a value of a text family: the six fields of an ARN, else one."""
    pattern = parse_pattern(text, has_wildcards=family in _WITH_WILDCARDS, has_variables=has_variables)
    return split_arn(pattern) if family is Family.ARN else (pattern,)


def fold_case(family: Family, text: str) -> str:
    """Return a text as the family compares it."""
    return text.lower() if family is Family.TEXT_IGNORING_CASE else text


def _testing(condition: Condition, matches: Matches) -> IsMet:
    """Make the test of a condition whose values are constant."""
    key, without_key, count = (
        condition.key.lower(),
        condition.operator.is_met_without_key,
        _counting(condition.operator),
    )

    def is_met(context: Context) -> bool:
        value = context.get(key, ())
        return without_key if value == () else count(value, matches)

    return is_met


def _testing_resolved(condition: Condition, matches_in: Callable[[Context], Matches | None]) -> IsMet:
    """Make the test of a condition with variables; it is not met where `matches_in` returns nothing."""
    key, without_key, count = (
        condition.key.lower(),
        condition.operator.is_met_without_key,
        _counting(condition.operator),
    )

    def is_met(context: Context) -> bool:
        value = context.get(key, ())
        if value == ():
            return without_key
        matches = matches_in(context)
        return matches is not None and count(value, matches)

    return is_met


def _counting(operator: ConditionOperator) -> Callable[[Value, Matches], bool]:
    """Make what counts the values of a request as the operator says."""
    is_negated, qualifier = operator.operator.is_negated, operator.qualifier

    def count(value: Value, matches: Matches) -> bool:
        if not isinstance(value, tuple):
            return matches(value) is not is_negated
        results = map(matches, value)
        if qualifier is Qualifier.FOR_ALL_VALUES:
            return all(result is not is_negated for result in results)
        if qualifier is Qualifier.FOR_ANY_VALUE:
            return any(result is not is_negated for result in results)
        return any(results) is not is_negated

    return count


def _resolving(operator: Operator, written: Iterable[tuple[Pattern, ...]]) -> Callable[[Context], Matches | None]:
    """Make what puts a request's values into the policy's.

    A value whose variable the request lacks can neither match nor be known not to match: a negated condition that has
    one is not met (IAM User Guide, "Variables and tags": it makes the statement invalid).
    """
    texts = tuple(written)

    def matches_in(context: Context) -> Matches | None:
        resolved = [tuple(resolve(field, context) for field in fields) for fields in texts]
        known = [fields for fields in map(_without_gaps, resolved) if fields is not None]
        if operator.is_negated and len(known) < len(resolved):
            return None
        return _text_matches(operator.family, tuple(_compile_fields(operator.family, fields) for fields in known))

    return matches_in


def _fixed_fields(fields: tuple[Pattern, ...]) -> tuple[FixedPattern, ...] | None:
    return _without_gaps(tuple(map(fixed, fields)))


def _without_gaps(fields: tuple[FixedPattern | None, ...]) -> tuple[FixedPattern, ...] | None:
    whole = tuple(field for field in fields if field is not None)
    return whole if len(whole) == len(fields) else None


def _compile_fields(family: Family, fields: tuple[FixedPattern, ...]) -> TextPattern:
    if family is Family.ARN:
        return compile_arn(fields)
    (pattern,) = fields
    return compile_text(tuple(fold_case(family, part) if isinstance(part, str) else part for part in pattern))


def _text_matches(family: Family, patterns: tuple[TextPattern, ...]) -> Matches:
    literals = frozenset(pattern.prefix for pattern in patterns if pattern.is_literal)
    others = tuple(pattern.matches for pattern in patterns if not pattern.is_literal)

    def matches(value: Scalar) -> bool:
        text = fold_case(family, text_of(value))
        return text in literals or any(one(text) for one in others)

    return matches


def _scalar_matches(operator: Operator, texts: tuple[str, ...]) -> Matches:
    compare = operator.compare
    match operator.family:
        case Family.NUMBER:
            return _relating(number_of, compare, map(parse_number, texts))
        case Family.INSTANT:
            return _relating(instant_of, compare, map(parse_instant, texts))
        case Family.NETWORK:
            return _relating(address_of, lambda address, network: network.holds(address), map(parse_network, texts))
        case Family.BINARY:
            return _relating(binary_of, bytes.__eq__, map(parse_binary, texts))
        case Family.BOOL:
            return _relating(bool_of, bool.__eq__, map(parse_bool, texts))
        case Family.TEXT | Family.TEXT_IGNORING_CASE | Family.TEXT_PATTERN | Family.ARN | Family.PRESENCE:
            raise ValueError(f"{operator.name} compares no single values")


def _relating(
    take: Callable[[Scalar], _TakenT | None],
    relate: Callable[[_TakenT, _WrittenT], bool],
    written: Iterable[_WrittenT],
) -> Matches:
    first, *others = written

    def matches(value: Scalar) -> bool:
        taken = take(value)
        if taken is None:
            return False
        return relate(taken, first) or any(relate(taken, one) for one in others)

    return matches
