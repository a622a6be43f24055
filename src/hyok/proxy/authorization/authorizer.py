"""A second source of decisions, besides the policies: what it is asked and what it answers."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import msgspec

from hyok.errors import HyokError

AUTHORIZER: Final = "authorizer"
"""What records call the policy that decides here."""


class Question(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The `input`."""

    principal: str
    action: str
    """As `kms:Decrypt`."""
    resource: str
    """The ARN of the KMS key; empty if the request names none."""
    key_store: str
    external_key_id: str
    xks_operation: str
    address: str
    time: float
    """Unix seconds."""
    request_metadata: msgspec.Raw
    """As KMS sent it, with members that the specification does not name."""


class Answer(NamedTuple):
    """What the authorizer says."""

    is_allowed: bool
    reason: str
    """In its own words; may be empty."""


class AuthorizerError(HyokError):
    """The authorizer did not answer, or not as one."""


class Authorizer(Protocol):
    """Decides besides the policies."""

    async def ask(self, question: Question) -> Answer:
        """Return its answer. AuthorizerError."""
        ...

    async def aclose(self) -> None:
        """Let go of what it holds."""
        ...
