"""Where each effective value came from."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class OriginKind(Enum):
    """The three places a value can come from, weakest first."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"


class Origin(NamedTuple):
    """A place that a value came from."""

    kind: OriginKind
    name: str
    """The file's path or the variable's name; empty for a default."""

    def __str__(self) -> str:
        return self.name or self.kind.value


class EffectiveSetting(NamedTuple):
    """One setting as it is in force. References and URLs are shown without secrets."""

    path: str
    value: str | float | list[str] | None
    """None if it is optional and not set."""
    origin: Origin


DEFAULT_ORIGIN = Origin(OriginKind.DEFAULT, "")
