"""Principal and NotPrincipal (IAM User Guide, "Principal")."""

from __future__ import annotations

import re
from typing import Final

from hyok.policy.dialects import Presence
from hyok.policy.document import Effect, PrincipalEntry, PrincipalKind, Principals
from hyok.policy.elements import PlacedText, Source, members_of, texts_of
from hyok.policy.errors import PolicyError, quote
from hyok.policy.json_reader import JsonMember, JsonNode, JsonText

EVERYONE: Final = PrincipalEntry(PrincipalKind.EVERYONE, "*")

_MAP_KEYS: Final = ("AWS", "Service", "Federated")
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_PARTITION, _NAME = r"aws[a-z-]*", r"[A-Za-z0-9_+=,.@-]+"
_ROOT: Final = re.compile(rf"arn:{_PARTITION}:iam::[0-9]{{12}}:root")
_EXACT: Final = re.compile(
    rf"arn:{_PARTITION}:(?:iam::[0-9]{{12}}:(?:user|role)/(?:[!-~]+/)?{_NAME}"
    rf"|sts::[0-9]{{12}}:(?:assumed-role/{_NAME}/{_NAME}|federated-user/{_NAME}))"
)
_ROOT_PATTERN: Final = re.compile(r"arn:[a-z*?-]+:iam::[0-9*?]{1,12}:root")
_PATTERN: Final = re.compile(
    r"arn:[a-z*?-]+:(?:iam::[0-9*?]{1,12}:(?:\*|(?:user|role)/[!-~]+)"
    r"|sts::[0-9*?]{1,12}:(?:\*|assumed-role/[!-~]+/[!-~]+|federated-user/[!-~]+))"
)
_WILDCARDS: Final = frozenset("*?")
_SERVICE: Final = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+|AWS Internal")
_REQUIREMENT: Final = (
    'must be "*", 12 digits, or the ARN of an account (arn:aws:iam::123456789012:root), a user, a role or a session'
)


def parse_principals(source: Source, member: JsonMember, *, effect: Effect) -> Principals:
    """Read Principal or NotPrincipal."""
    is_negated = member.name == "NotPrincipal"
    if source.dialect.principal is Presence.REFUSED:
        raise source.fault(f"a statement of {source.dialect.title} has no {member.name}", member.at)
    if is_negated and effect is Effect.ALLOW:
        raise source.fault('NotPrincipal goes with "Effect": "Deny" only', member.at)
    return Principals(_parse_entries(source, member.value, owner=member.name), is_negated)


def _parse_entries(source: Source, node: JsonNode, *, owner: str) -> tuple[PrincipalEntry, ...]:
    if isinstance(node, JsonText):
        if node.text != "*":
            raise source.fault(f'{owner} must be "*" or an object, as {{"AWS": {quote(node.text)}}}', node.at)
        return (EVERYONE,)
    named = members_of(source, node, known=(*_MAP_KEYS, "CanonicalUser"), owner=owner)
    if not named:
        raise source.fault(f"{owner} must not be empty", node.at)
    entries: list[PrincipalEntry] = []
    for name, member in named.items():
        if name not in _MAP_KEYS:
            raise source.fault(f"{name} is for S3 only; name an account, a user or a role by AWS", member.at)
        kind = PrincipalKind(name)
        entries.extend(_parse_entry(source, kind, text) for text in texts_of(source, member.value, owner=name))
    return tuple(entries)


def _parse_entry(source: Source, kind: PrincipalKind, placed: PlacedText) -> PrincipalEntry:
    if kind is PrincipalKind.AWS:
        return _parse_aws_entry(source, placed)
    text = placed.text
    is_name = text and not _WILDCARDS & set(text) if kind is PrincipalKind.FEDERATED else _SERVICE.fullmatch(text)
    if not is_name:
        raise source.fault(f"{quote(text)} is no name of a {kind.value} principal", placed.at)
    return PrincipalEntry(kind, text)


def _parse_aws_entry(source: Source, placed: PlacedText) -> PrincipalEntry:
    text = placed.text
    if text == "*":
        return EVERYONE
    if _ACCOUNT.fullmatch(text) or _ROOT.fullmatch(text):
        return PrincipalEntry(PrincipalKind.ACCOUNT, text)
    if _EXACT.fullmatch(text) and not _WILDCARDS & set(text):
        return PrincipalEntry(PrincipalKind.AWS, text)
    if not _WILDCARDS & set(text):
        raise source.fault(f"{quote(text)} is no principal: it {_REQUIREMENT}", placed.at)
    return _parse_pattern_entry(source, placed)


def _parse_pattern_entry(source: Source, placed: PlacedText) -> PrincipalEntry:
    text = placed.text
    if not source.dialect.has_principal_wildcards:
        raise _no_wildcards(source, placed)
    if _ROOT_PATTERN.fullmatch(text):
        return PrincipalEntry(PrincipalKind.ACCOUNT, text)
    if not _PATTERN.fullmatch(text):
        raise source.fault(f"{quote(text)} is no principal: with wildcards, it {_REQUIREMENT}", placed.at)
    _, is_role, name = text.partition(":role/")
    if is_role and "/" in name:
        problem = "leave out the path of the role: sessions do not tell it, and a name is unique in its account"
        raise source.fault(f"{quote(text)}: {problem}", placed.at)
    return PrincipalEntry(PrincipalKind.AWS, text)


def _no_wildcards(source: Source, placed: PlacedText) -> PolicyError:
    hint = 'write "*" and a condition on aws:PrincipalArn'
    return source.fault(
        f"{quote(placed.text)}: a principal of {source.dialect.title} has no wildcards; {hint}", placed.at
    )
