"""Policy documents: strict, and with the place of what is wrong.

An element that is misspelt or superfluous is refused, not skipped: a condition that is not understood would widen an
Allow, and an action that does not exist would empty a Deny.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hyok.policy.choice_parsing import parse_actions, parse_resources
from hyok.policy.condition_parsing import parse_conditions
from hyok.policy.dialects import VARIABLES_VERSION, Dialect, Presence
from hyok.policy.document import Effect, Policy, Statement
from hyok.policy.elements import Source, members_of, text_of
from hyok.policy.errors import PolicyError, PolicyTooLargeError, quote, suggest
from hyok.policy.json_reader import JsonArray, JsonMember, JsonNode, read_json
from hyok.policy.principal_parsing import parse_principals

MAX_BYTES: Final = 32_768
"""Of a key policy (KMS Developer Guide, "Quotas")."""

_MAX_DEPTH: Final = 8
"""A policy needs six: document, statements, statement, Condition, operator, values."""
_POLICY_ELEMENTS: Final = ("Version", "Id", "Statement")
_STATEMENT_ELEMENTS: Final = (
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)

Members = Mapping[str, JsonMember]


def parse_policy(document: str | bytes, dialect: Dialect, *, max_bytes: int = MAX_BYTES) -> Policy:
    """Read a document of a dialect; PolicyError if it is none, PolicyTooLargeError beyond `max_bytes` of UTF-8."""
    source = _read_source(document, dialect, max_bytes=max_bytes)
    root = source.document.root
    members = members_of(source, root, known=_POLICY_ELEMENTS, owner="a policy")
    version = _parse_version(source, members.get("Version"))
    source = source._replace(has_variables=version == VARIABLES_VERSION)
    identifier = members.get("Id")
    _check_presence(source, dialect.id, identifier, name="Id", at=root.at)
    if "Statement" not in members:
        raise source.fault("Statement is missing", root.at)
    return Policy(
        dialect=dialect,
        id=None if identifier is None else text_of(source, identifier.value, owner="Id").text,
        has_variables=source.has_variables,
        statements=_parse_statements(source, members["Statement"].value),
    )


def _read_source(document: str | bytes, dialect: Dialect, *, max_bytes: int) -> Source:
    size = len(document) if isinstance(document, bytes) else len(document.encode(errors="surrogatepass"))
    if size > max_bytes:
        raise PolicyTooLargeError(f"a policy has at most {max_bytes} bytes, this one has {size}", line=1, column=1)
    try:
        text = document.decode() if isinstance(document, bytes) else document
    except UnicodeDecodeError as error:
        line = document[: error.start].count(b"\n") + 1 if isinstance(document, bytes) else 1
        raise PolicyError(f"byte {error.start + 1} is not UTF-8", line=line, column=1) from None
    return Source(read_json(text, max_depth=_MAX_DEPTH), dialect, has_variables=False)


def _parse_version(source: Source, member: JsonMember | None) -> str | None:
    _check_presence(source, source.dialect.version, member, name="Version", at=source.document.root.at)
    if member is None:
        return None
    version = text_of(source, member.value, owner="Version")
    if version.text not in source.dialect.versions:
        allowed = " or ".join(map(quote, source.dialect.versions))
        raise source.fault(f"Version must be {allowed}; found {quote(version.text)}", version.at)
    return version.text


def _parse_statements(source: Source, node: JsonNode) -> tuple[Statement, ...]:
    nodes = node.items if isinstance(node, JsonArray) else (node,)
    if not nodes:
        raise source.fault("Statement must not be empty", node.at)
    statements: dict[str, Statement] = {}
    for number, one in enumerate(nodes, 1):
        statement = _parse_statement(source, one, number=number)
        if statement.label in statements:
            first = statements[statement.label].line
            raise source.fault(f"{quote(statement.label)} names the statement of line {first} already", one.at)
        statements[statement.label] = statement
    return tuple(statements.values())


def _parse_statement(source: Source, node: JsonNode, *, number: int) -> Statement:
    members = members_of(source, node, known=_STATEMENT_ELEMENTS, owner="a statement")
    effect = _parse_effect(source, members, at=node.at)
    principal, action, resource = (_one_of(source, members, name) for name in ("Principal", "Action", "Resource"))
    _check_presence(source, source.dialect.principal, principal, name="Principal", at=node.at)
    _check_presence(source, source.dialect.resource, resource, name="Resource", at=node.at)
    if action is None:
        raise source.fault("Action is missing", node.at)
    sid = text_of(source, members["Sid"].value, owner="Sid").text if "Sid" in members else ""
    return Statement(
        label=sid or f"statement {number}",
        line=source.document.line_of(node.at),
        effect=effect,
        principals=None if principal is None else parse_principals(source, principal, effect=effect),
        actions=parse_actions(source, action),
        resources=None if resource is None else parse_resources(source, resource, effect=effect),
        conditions=parse_conditions(source, members["Condition"].value, effect=effect)
        if "Condition" in members
        else (),
    )


def _parse_effect(source: Source, members: Members, *, at: int) -> Effect:
    if "Effect" not in members:
        raise source.fault("the statement has no Effect", at)
    effect = text_of(source, members["Effect"].value, owner="Effect")
    try:
        return Effect(effect.text)
    except ValueError:
        known = [one.value for one in Effect]
        problem = f'Effect must be "Allow" or "Deny"; found {quote(effect.text)}{suggest(effect.text, known)}'
        raise source.fault(problem, effect.at) from None


def _one_of(source: Source, members: Members, name: str) -> JsonMember | None:
    """Return the element or its negation, whichever is there."""
    positive, negated = members.get(name), members.get(f"Not{name}")
    if positive and negated:
        raise source.fault(f"a statement has either {name} or Not{name}", negated.at)
    return positive or negated


def _check_presence(source: Source, presence: Presence, member: JsonMember | None, *, name: str, at: int) -> None:
    match presence:
        case Presence.REQUIRED if member is None:
            raise source.fault(f"{name} is missing", at)
        case Presence.REFUSED if member is not None:
            raise source.fault(f"{source.dialect.title} has no {member.name}", member.at)
        case Presence.REQUIRED | Presence.OPTIONAL | Presence.REFUSED:
            return
