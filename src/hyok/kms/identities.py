"""What is known of a principal besides its ARN: the identity policies attached to it, and its tags."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from hyok.policy.memory import DecisionMemory


class Identity(NamedTuple):
    """The rights and attributes that a principal brings along. Compared by identity: one object per principal."""

    policies: DecisionMemory | None
    """None for all rights in its own account, as the root user has them."""
    tags: Mapping[str, str]


FULL_ACCESS: Final = Identity(None, MappingProxyType({}))
"""Of root users, and of callers whose signature nobody checks."""
