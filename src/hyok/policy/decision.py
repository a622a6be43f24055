"""What policies say about a request."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple


class Outcome(Enum):
    """The four things that policies can say."""

    ALLOWED = "allowed"
    DELEGATED = "delegated"
    """Allowed if the identity policies of the caller's own account allow it: only an account was named."""
    DENIED = "denied"
    """A Deny applies; nothing can allow it any more."""
    NOT_ALLOWED = "not allowed"
    """No statement applies."""


class Decision(NamedTuple):
    """An outcome, and the first statement that leads to it."""

    outcome: Outcome
    policy: str | None
    """The name under which the policy was compiled."""
    statement: str | None
    """The statement's Sid, or `statement 3`."""


NOT_ALLOWED: Final = Decision(Outcome.NOT_ALLOWED, None, None)
