"""A slow evaluator of policies that is right at sight, to hold the real one against.

It reads the JSON itself, compiles nothing and shares no line with `hyok.policy`. Numbers, dates and addresses are left
to the standard library.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from operator import eq, ge, gt, le, lt
from typing import Any

Document = dict[str, Any]


def decide(policies: Mapping[str, Document], request: Document, *, accounts_delegate: bool) -> tuple[str, str, str]:
    """Return outcome, policy and statement; a request has principal, action, resource and context."""
    applying = [
        (statement["Effect"], how, name, label)
        for name, policy in policies.items()
        for label, statement in labelled(policy)
        if (how := applies(policy, statement, request, accounts_delegate=accounts_delegate))
    ]
    for effect, hows, outcome in (
        ("Deny", ("directly", "by account"), "denied"),
        ("Allow", ("directly",), "allowed"),
        ("Allow", ("by account",), "delegated"),
    ):
        for found_effect, how, name, label in applying:
            if found_effect == effect and how in hows:
                return outcome, name, label
    return "not allowed", "", ""


def labelled(policy: Document) -> list[tuple[str, Document]]:
    statements = many(policy["Statement"])
    return [(one.get("Sid") or f"statement {number}", one) for number, one in enumerate(statements, 1)]


def applies(policy: Document, statement: Document, request: Document, *, accounts_delegate: bool) -> str:
    """Return how a statement applies: directly, by account, or (empty) not."""
    context = {key.lower(): value for key, value in request["context"].items()}
    has_variables = policy.get("Version") == "2012-10-17"
    if not is_about(statement, "Action", request["action"].lower(), lambda text: [text.lower()]):
        return ""
    if not is_about(
        statement,
        "Resource",
        request["resource"],
        lambda text: substitute(complete(text), context, has_variables=has_variables),
    ):
        return ""
    for operator, keys in statement.get("Condition", {}).items():
        for key, wanted in keys.items():
            if not is_met(
                operator, key.lower(), [as_text(one) for one in many(wanted)], context, has_variables=has_variables
            ):
                return ""
    return how_meant(statement, request["principal"], context, accounts_delegate=accounts_delegate)


def is_about(statement: Document, name: str, text: str, patterns_of: Callable[[str], list[Any]]) -> bool:
    """Tell whether Action or Resource, or its negation, is about a text."""
    if f"Not{name}" in statement:
        resolved = [patterns_of(one) for one in many(statement[f"Not{name}"])]
        return all(resolved) and not any(like(pattern, text) for patterns in resolved for pattern in patterns)
    if name not in statement:
        return True
    return any(like(pattern, text) for one in many(statement[name]) for pattern in patterns_of(one))


def complete(arn: str) -> str:
    missing = 5 - arn.count(":")
    return arn if arn == "*" else arn + ":*" * missing


# Principals


def how_meant(statement: Document, principal: str, context: Document, *, accounts_delegate: bool) -> str:
    if "Principal" not in statement and "NotPrincipal" not in statement:
        return "directly"
    is_negated = "NotPrincipal" in statement
    listed = statement["NotPrincipal" if is_negated else "Principal"]
    listed = {"AWS": "*"} if listed == "*" else listed
    names = acts_as(principal)
    entries = many(listed.get("AWS", []))
    named = {name for name, arn in names.items() if any(names_arn(one, arn, name) for one in entries)}
    if principal in many(listed.get("Service", [])):
        named.add("itself")
    provider = context.get("aws:federatedprovider")
    is_anybody = "*" in entries or (provider is not None and provider in many(listed.get("Federated", [])))
    if is_negated:
        is_excepted = named >= set(names) if accounts_delegate else bool(named)
        return "" if is_anybody or is_excepted else "directly"
    if is_anybody or named & {"itself", "role"} or (named and not accounts_delegate):
        return "directly"
    return "by account" if named else ""


def acts_as(principal: str) -> dict[str, str]:
    """Return everything that a caller acts as: itself, the role of a session, its account."""
    found = re.fullmatch(r"arn:([^:]*):([^:]*):[^:]*:([^:]*):(.*)", principal, re.DOTALL)
    if not found:
        return {"itself": principal}
    partition, service, account, name = found.groups()
    root = f"arn:{partition}:iam::{account}:root"
    session = re.fullmatch(r"assumed-role/([^/]*)(/.*)?", name, re.DOTALL)
    if service == "sts" and session:
        return {"itself": principal, "role": f"arn:{partition}:iam::{account}:role/{session[1]}", "account": root}
    return {"itself": principal, "account": root}


def names_arn(listed: str, arn: str, name: str) -> bool:
    """Tell whether an entry of AWS names an ARN; a role is named without its path, an account only as a whole."""
    if re.fullmatch("[0-9]{12}", listed):
        return bool(re.fullmatch(f"arn:[^:]*:iam::{listed}:root", arn))
    if listed == "*" or (name == "account" and not listed.endswith(":root")):
        return False
    return arn_like(pathless(listed), pathless(arn))


def pathless(arn: str) -> str:
    return re.sub(r"^(arn:[^:]*:[^:]*:[^:]*:[^:]*:role/).*/", r"\1", arn)


# Conditions


def is_met(operator: str, key: str, wanted: list[str], context: Document, *, has_variables: bool) -> bool:
    value = context.get(key)
    is_missing = value is None or value in ([], ())
    name = operator.rpartition(":")[2].removesuffix("IfExists")
    if name == "Null":
        return ("true" if is_missing else "false") in [one.lower() for one in wanted]
    is_negated = "Not" in name
    if is_missing:
        if operator.startswith("ForAnyValue:"):
            return False
        return operator.startswith("ForAllValues:") or is_negated or operator.endswith("IfExists")
    resolved: list[list[Any]] = [[one] for one in wanted]
    if name.startswith(("String", "Arn")):
        resolved = [substitute(one, context, has_variables=has_variables) for one in wanted]
    if is_negated and not all(resolved):
        return False
    values = list(value) if isinstance(value, list | tuple) else [value]
    matching = [
        any(matches(name.replace("Not", ""), one, text) for texts in resolved for text in texts) for one in values
    ]
    if operator.startswith("ForAllValues:"):
        return all(one != is_negated for one in matching)
    if operator.startswith("ForAnyValue:"):
        return any(one != is_negated for one in matching)
    return any(matching) != is_negated


def matches(name: str, value: Any, wanted: Any) -> bool:
    """Tell whether a positive operator finds one value of the request to match one of the policy."""
    if name == "StringEquals":
        return as_text(value) == plain(wanted)
    if name == "StringEqualsIgnoreCase":
        return as_text(value).lower() == plain(wanted).lower()
    if name == "StringLike":
        return like(wanted, as_text(value))
    if name in ("ArnEquals", "ArnLike"):
        return arn_like(wanted, as_text(value))
    if name == "Bool":
        return as_text(value).lower() == str(wanted).lower()
    if name == "BinaryEquals":
        return value in (wanted, base64.b64decode(wanted))
    if isinstance(value, bool):
        return False
    if name == "IpAddress":
        return safely(lambda: unmapped(value) in unmapped_network(wanted))
    relations = {"LessThan": lt, "LessThanEquals": le, "GreaterThan": gt, "GreaterThanEquals": ge, "Equals": eq}
    compare = relations[name.removeprefix("Numeric").removeprefix("Date")]
    read = float if name.startswith("Numeric") else seconds
    return safely(lambda: bool(compare(read(value), read(wanted))))


def unmapped(value: str) -> Any:
    address = ip_address(value)
    return getattr(address, "ipv4_mapped", None) or address


def unmapped_network(text: str) -> Any:
    network = ip_network(text, strict=False)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    return ip_network((mapped, network.prefixlen - 96)) if mapped and network.prefixlen >= 96 else network


def seconds(value: Any) -> float:
    if not isinstance(value, str):
        return float(value)
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", value) and len(value) != len("2026"):
        return float(value)
    parts = {4: "-01-01", 7: "-01"}
    text = value + parts.get(len(value), "")
    text = text if "T" in text else f"{text}T00:00:00Z"
    text = re.sub(r"\.(\d+)", lambda found: "." + found[1].ljust(6, "0")[:6], text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no zone")
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


def safely(test: Callable[[], bool]) -> bool:
    try:
        return test()
    except (ValueError, TypeError, OverflowError):
        return False


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


# Texts. A pattern is a list of characters; a wildcard is a list of one, a variable's character a tuple of one.


def substitute(text: str, context: Document, *, has_variables: bool) -> list[list[Any]]:
    """Return the pattern of a text with its variables replaced: one, or none if a variable has no value."""
    pattern: list[Any] = []
    variable = re.compile(r"\$\{([*?$]|([^{}',$]+)(?:, *'([^']*)')?)\}")
    at = 0
    while at < len(text):
        found = variable.match(text, at) if has_variables else None
        if not found:
            pattern.append([text[at]] if text[at] in "*?" else text[at])
            at += 1
            continue
        value = found[1] if found[1] in ("*", "?", "$") else context.get(found[2].strip().lower(), found[3])
        if value is None or isinstance(value, list | tuple):
            value = found[3]
        if value is None:
            return []
        pattern.extend((one,) for one in as_text(value))
        at = found.end()
    return [pattern]


def plain(pattern: list[Any]) -> str:
    """Return a pattern whose wildcards are none."""
    return "".join(one[0] for one in pattern)


def as_pattern(text: Iterable[Any]) -> list[Any]:
    if isinstance(text, str):
        return [[one] if one in "*?" else one for one in text]
    return list(text)


def like(pattern: Iterable[Any], text: str) -> bool:
    """Match with the set of all places where the pattern may have got to."""
    places = {0}
    for one in as_pattern(pattern):
        if one == ["*"]:
            places = set(range(min(places), len(text) + 1)) if places else places
        else:
            places = {at + 1 for at in places if at < len(text) and one in (["?"], text[at], (text[at],))}
    return len(text) in places


def arn_like(pattern: Iterable[Any], text: str) -> bool:
    """Match field by field; a pattern's field ends at a colon that the policy wrote."""
    fields: list[list[Any]] = [[]]
    for one in as_pattern(pattern):
        if one == ":" and len(fields) < 6:
            fields.append([])
        else:
            fields[-1].append(one)
    found = text.split(":", 5)
    return len(found) == len(fields) == 6 and all(like(field, one) for field, one in zip(fields, found, strict=True))


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
