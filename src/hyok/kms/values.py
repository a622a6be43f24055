"""The things KMS is about, as frozen values: keys, aliases, what ties a key to an external one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class KeyState(Enum):
    """A KMS key's state. The values are AWS's.

    UNAVAILABLE is never stored: it is what a key in an external key store is while that store is not connected.
    """

    ENABLED = "Enabled"
    DISABLED = "Disabled"
    PENDING_DELETION = "PendingDeletion"
    UNAVAILABLE = "Unavailable"


class Origin(Enum):
    """Where a KMS key's material lives. The values are AWS's."""

    AWS_KMS = "AWS_KMS"
    """In KMS alone: an ordinary key."""
    EXTERNAL_KEY_STORE = "EXTERNAL_KEY_STORE"
    """In KMS and, doubly, in an external key manager."""


class ExternalKeyReference(NamedTuple):
    """The one external key that a KMS key is tied to for life."""

    store_id: str
    """The external key store: `cks-` and 17 hexadecimal digits."""
    xks_key_id: str
    """The external key's id at that store's proxy."""


class Tag(NamedTuple):
    """One tag of a KMS key."""

    key: str
    value: str


class RotationType(Enum):
    """What made a KMS key get fresh material. The values are AWS's."""

    AUTOMATIC = "AUTOMATIC"
    ON_DEMAND = "ON_DEMAND"


class AutomaticRotation(NamedTuple):
    """That a KMS key gets fresh material by itself, and when."""

    period_days: int
    """90 to 2560."""
    next_at: float
    """Unix seconds of the key schedule's clock. In the past if the key was not enabled when its date came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KmsKey:
    """A KMS key as it is stored; `key_states.effective_state` tells what state a caller sees."""

    account: str
    region: str
    key_id: str
    """A UUID in lower case."""
    arn: str
    """The key ARN, made of the three above."""
    description: str
    origin: Origin
    state: KeyState
    """Never UNAVAILABLE."""
    created_at: float
    """Unix seconds."""
    deletion_date: float | None
    """Unix seconds of the key schedule's clock; only while PENDING_DELETION."""
    backing_key: int
    """The number of the backing key that encrypts now; the first is 1."""
    external_key: ExternalKeyReference | None
    """Present exactly if the origin is EXTERNAL_KEY_STORE."""
    policy: str | None
    """The key policy to the letter, or None for the default one."""
    tags: tuple[Tag, ...]
    rotation: AutomaticRotation | None
    """None if it is not enabled. Ordinary keys only."""


class Alias(NamedTuple):
    """A name for a KMS key, unique in its account and Region."""

    account: str
    region: str
    name: str
    """With its prefix `alias/`."""
    arn: str
    key_id: str
    created_at: float
    updated_at: float
    """Unix seconds, both."""


class OuterSealed(NamedTuple):
    """What an external key store proxy's Encrypt gave for a KMS inner ciphertext."""

    ciphertext: bytes
    """As long as the inner ciphertext."""
    iv: bytes
    """12 or 16 bytes."""
    tag: bytes
    """16 bytes."""
    metadata: bytes
    """The proxy's own, 0 to 20 bytes."""
