"""The double's tokens and policies."""

from __future__ import annotations

import re
import secrets
import time
import uuid
from datetime import UTC, datetime
from typing import NamedTuple

from tests.integration.transit.double_replies import Json, RefusedError

_RULE = re.compile(r'path\s+"([^"]+)"\s*\{\s*capabilities\s*=\s*\[([^\]]*)\]\s*\}')
_DEFAULT_POLICY = """
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
"""


class _Rule(NamedTuple):
    pattern: re.Pattern[str]
    capabilities: frozenset[str]


class Policies:
    """Policies by namespace and name."""

    def __init__(self) -> None:
        self._rules: dict[tuple[str, str], list[_Rule]] = {}

    def put(self, namespace: str, name: str, text: str) -> None:
        """Keep a policy."""
        self._rules[namespace, name] = _parse(text)

    def allow(self, namespace: str, names: list[str], path: str, capability: str) -> bool:
        """Tell whether one of these policies allows it."""
        if "root" in names:
            return True
        rules = [rule for name in names for rule in self._rules.get((namespace, name), [])]
        if "default" in names:
            rules += _parse(_DEFAULT_POLICY)
        return any(rule.pattern.fullmatch(path) and capability in rule.capabilities for rule in rules)


def _parse(text: str) -> list[_Rule]:
    return [
        _Rule(_pattern(path), frozenset(re.findall(r'"([a-z]+)"', capabilities)))
        for path, capabilities in _RULE.findall(text)
    ]


def _pattern(path: str) -> re.Pattern[str]:
    is_prefix = path.endswith("*")
    segments = (r"[^/]+" if segment == "+" else re.escape(segment) for segment in path.removesuffix("*").split("/"))
    return re.compile("/".join(segments) + (".*" if is_prefix else ""))


class Grant(NamedTuple):
    """What a login, or the root token, gives a new token."""

    policies: list[str]
    ttl: float
    """Seconds; 0 for ever."""
    max_ttl: float = 0.0
    display_name: str = "token"
    path: str = "auth/token/create"
    meta: dict[str, str] | None = None
    is_renewable: bool = True


class Token:
    """A token that the double gave out."""

    def __init__(self, namespace: str, grant: Grant) -> None:
        self.id = f"s.{secrets.token_urlsafe(18)}"
        self.accessor = secrets.token_urlsafe(18)
        self.entity_id = str(uuid.uuid4())
        self.namespace = namespace
        self.grant = grant
        self.created_at = time.time()
        self.renewed_at: float | None = None
        self.lease = grant.ttl

    @property
    def is_expired(self) -> bool:
        return bool(self.lease) and time.time() > self.expires_at

    @property
    def expires_at(self) -> float:
        return (self.renewed_at or self.created_at) + self.lease

    def renew(self) -> None:
        """Let the lease begin anew, up to the token's greatest age."""
        if not self.grant.is_renewable:
            raise RefusedError(400, "lease is not renewable")
        self.renewed_at = time.time()
        self.lease = self.grant.ttl
        if self.grant.max_ttl:
            self.lease = min(self.lease, self.created_at + self.grant.max_ttl - self.renewed_at)

    def auth(self) -> Json:
        """Return what a login or renewal answers."""
        return {
            "client_token": self.id,
            "accessor": self.accessor,
            "policies": sorted(self.grant.policies),
            "token_policies": sorted(self.grant.policies),
            "metadata": self.grant.meta,
            "lease_duration": int(self.lease),
            "renewable": self.grant.is_renewable,
            "entity_id": self.entity_id,
            "token_type": "service",
            "orphan": True,
            "mfa_requirement": None,
            "num_uses": 0,
        }

    def properties(self) -> Json:
        """Return what a look-up answers."""
        shown: Json = {
            "accessor": self.accessor,
            "creation_time": int(self.created_at),
            "creation_ttl": int(self.grant.ttl),
            "display_name": self.grant.display_name,
            "entity_id": self.entity_id,
            "expire_time": _timestamp(self.expires_at) if self.lease else None,
            "explicit_max_ttl": 0,
            "id": self.id,
            "issue_time": _timestamp(self.created_at),
            "meta": self.grant.meta,
            "num_uses": 0,
            "orphan": True,
            "path": self.grant.path,
            "policies": sorted(self.grant.policies),
            "renewable": self.grant.is_renewable,
            "ttl": int(self.expires_at - time.time()) if self.lease else 0,
            "type": "service",
        }
        if self.renewed_at is not None:
            shown |= {"last_renewal": _timestamp(self.renewed_at), "last_renewal_time": int(self.renewed_at)}
        return shown


class Tokens:
    """All tokens that are good."""

    def __init__(self) -> None:
        self._by_id: dict[str, Token] = {}

    def give(self, namespace: str, grant: Grant) -> Token:
        """Make a token."""
        token = Token(namespace, grant)
        self._by_id[token.id] = token
        return token

    def find(self, token_id: str, namespace: str) -> Token:
        """Return a good token of the namespace or one above it; RefusedError for any other."""
        token = self._by_id.get(token_id)
        if token is None or token.is_expired or not namespace.startswith(token.namespace):
            raise RefusedError(403, "permission denied")
        return token

    def revoke(self, token_id: str) -> None:
        """Forget a token."""
        self._by_id.pop(token_id, None)


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def seconds_of(duration: str | float) -> float:
    """Read `90`, `90s`, `5m` or `1h`."""
    text = str(duration)
    unit = {"s": 1, "m": 60, "h": 3600}.get(text[-1])
    return float(text) if unit is None else float(text[:-1]) * unit
