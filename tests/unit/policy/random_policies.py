"""Random policies and requests of few names, so that they meet often."""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

from hyok.policy.dialects import IDENTITY_POLICY, KEY_POLICY, PROXY_POLICY, Dialect
from hyok.policy.operators import OPERATORS, Family, Qualifier

Document = dict[str, Any]

ANY_PROXY_POLICY = PROXY_POLICY._replace(condition_keys=(), actions=(), deny_variables_need_defaults=False)
DIALECTS = (KEY_POLICY, IDENTITY_POLICY, ANY_PROXY_POLICY)
ACCOUNTS = ("111111111111", "222222222222")
CALLERS = (
    *(f"arn:aws:iam::{account}:{name}" for account in ACCOUNTS for name in ("root", "user/a", "user/p/ab", "role/a")),
    *(f"arn:aws:sts::{account}:assumed-role/{name}" for account in ACCOUNTS for name in ("a/s", "ab/s", "ab/t")),
    "arn:aws:iam::111111111111:role/path/ab",
    "arn:aws:sts::111111111111:federated-user/a",
    "ebs.amazonaws.com",
    "AWS Internal",
    "",
)
EXACT_PRINCIPALS = (*ACCOUNTS, *(one for one in CALLERS if one.startswith("arn:")), "*")
PRINCIPAL_PATTERNS = (
    "arn:aws:iam::*:root",
    "arn:aws:iam::1*:root",
    "arn:aws:iam::111111111111:*",
    "arn:aws:iam::111111111111:role/a*",
    "arn:aws:iam::*:role/?b",
    "arn:aws:iam::*:user/*",
    "arn:aws:sts::111111111111:assumed-role/ab/*",
)
ACTIONS = ("kms:Encrypt", "kms:Decrypt", "KMS:decrypt", "kms:*", "*", "kms:?ecrypt", "kms:En*", "s3:Get", "*:*crypt")
RESOURCES = (
    "*",
    "arn:aws:kms",
    "arn:aws:kms:*:111111111111:key/a",
    "arn:aws:kms:eu:111111111111:key/*",
    "arn:aws:kms:e*:*1:key/?b",
    "arn:aws:kms:eu:*",
    "arn:aws:kms:*:*:key/${x:text}",
    "arn:aws:kms:*:*:key/${x:none, 'ab'}*",
    "arn:aws:kms:eu:1:2:3*",
)
KEY_ARNS = (
    "",
    "arn:aws:kms:eu:111111111111:key/a",
    "arn:aws:kms:eu:222222222222:key/ab",
    "arn:aws:kms:us:111111111111:key/ab",
    "arn:aws:kms:eu:1:2:3",
    "arn:aws:kms:eu:111111111111:key/a*",
)
TEXTS = (
    "",
    "a",
    "A",
    "ab",
    "a*",
    "?b",
    "b",
    "*",
    "true",
    "7",
    "${x:text}",
    "${x:none}",
    "${x:none, 'ab'}",
    "a${*}",
    "${",
)
ARNS = (
    "arn:aws:iam::1:role/a",
    "arn:aws:iam::*:role/*",
    "arn:*:*:*:*:*",
    "arn:aws:iam::1:role/?b",
    "arn:aws:iam::${x:text}:role/a",
)
WRITTEN: dict[Family, tuple[Any, ...]] = {
    Family.TEXT: TEXTS[:-1],
    Family.TEXT_IGNORING_CASE: TEXTS[:-1],
    Family.TEXT_PATTERN: TEXTS[:-1],
    Family.ARN: ARNS,
    Family.BOOL: ("true", "False", True, False),
    Family.NUMBER: ("7", 7, "-1", "7.5", 1e3),
    Family.INSTANT: ("2026-03-01T12:00:00Z", "2026", "1772366400", 1772366400, "2026-03-01T13:00:00+02:00"),
    Family.NETWORK: ("10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "::ffff:10.0.0.0/104"),
    Family.BINARY: ("YQ==", "YWI="),
    Family.PRESENCE: ("true", "false", True),
}
FOUND = (
    *("", "a", "A", "ab", "a*", "b", "true", "false", "7", "07", "YQ==", "x"),
    *(
        "arn:aws:iam::1:role/a",
        "arn:aws:iam::1:role/ab:c",
        "10.1.2.3",
        "10.1.2.4",
        "::ffff:10.1.2.3",
        "2001:db8::1",
        "2026",
    ),
    *(True, False, 7, 7.0, 7.5, -1, 1000, 1772366400, 1772366399.5, b"a"),
)
KEYS = ("x:text", "X:Text", "x:number", "x:set", "aws:SourceIp", "aws:CurrentTime", "aws:FederatedProvider")
FOLDED_KEYS = tuple(dict.fromkeys(key.lower() for key in KEYS))


class PolicySet(NamedTuple):
    """Documents of one dialect, by name."""

    dialect: Dialect
    documents: dict[str, Document]


def draw_policies(source: Random) -> PolicySet:
    """Return one to three policies of one to four statements."""
    dialect = source.choice(DIALECTS)
    return PolicySet(dialect, {name: _document(source, dialect) for name in "pqr"[: source.randint(1, 3)]})


def draw_request(source: Random) -> Document:
    """Return a request; its context's names are in lower case."""
    keys = source.sample(FOLDED_KEYS, source.randint(0, len(FOLDED_KEYS)))
    return {
        "principal": source.choice(CALLERS),
        "action": source.choice(("kms:Encrypt", "kms:Decrypt", "kms:decrypt", "s3:GetObject")),
        "resource": source.choice(KEY_ARNS),
        "context": {key: _found(source) for key in keys},
    }


def _found(source: Random) -> Any:
    if source.random() < 0.3:
        return tuple(source.choice(("a", "ab", "A", "b", "7", "10.1.2.3")) for _ in range(source.randint(0, 3)))
    return source.choice(FOUND)


def _document(source: Random, dialect: Dialect) -> Document:
    statements = [_statement(source, dialect) for _ in range(source.randint(1, 4))]
    return {"Version": source.choice(dialect.versions), "Statement": statements}


def _statement(source: Random, dialect: Dialect) -> Document:
    statement: Document = {"Effect": source.choice(("Allow", "Allow", "Deny"))}
    if dialect is not IDENTITY_POLICY:
        element = source.choice(("Principal", "NotPrincipal")) if statement["Effect"] == "Deny" else "Principal"
        statement[element] = "*" if source.random() < 0.3 else _principals(source, dialect)
    statement[source.choice(("Action", "Action", "NotAction"))] = _one_or_some(source, ACTIONS)
    statement[source.choice(("Resource", "Resource", "NotResource"))] = _one_or_some(source, RESOURCES)
    if source.random() < 0.7:
        statement["Condition"] = _conditions(source)
    return statement


def _principals(source: Random, dialect: Dialect) -> Document:
    names = EXACT_PRINCIPALS + (PRINCIPAL_PATTERNS if dialect.has_principal_wildcards else ())
    principals = {"AWS": _one_or_some(source, names)}
    if source.random() < 0.2:
        principals["Service"] = _one_or_some(source, ("ebs.amazonaws.com", "AWS Internal"))
    if source.random() < 0.2:
        principals["Federated"] = _one_or_some(source, ("a", "b"))
    return principals


def _conditions(source: Random) -> Document:
    conditions: Document = {}
    for _ in range(source.randint(1, 3)):
        operator = source.choice(OPERATORS)
        name = operator.name
        if operator.family is not Family.PRESENCE:
            qualifier = source.choice(("", "", *(f"{one.value}:" for one in Qualifier)))
            name = f"{qualifier}{name}{source.choice(('', '', 'IfExists'))}"
        conditions.setdefault(name, {})[source.choice(KEYS)] = _one_or_some(source, WRITTEN[operator.family])
    return conditions


def _one_or_some(source: Random, values: tuple[Any, ...]) -> Any:
    if source.random() < 0.5:
        return source.choice(values)
    return [source.choice(values) for _ in range(source.randint(1, 3))]
