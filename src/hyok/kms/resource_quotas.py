"""How much an account may have. Source: AWS KMS Developer Guide, "Quotas": resource quotas."""

from __future__ import annotations

from typing import NamedTuple


class ResourceQuotas(NamedTuple):
    """How many there may be; 0 for as many as there are."""

    custom_key_stores: int = 10
    """In an account and Region, in whichever state."""
    keys: int = 100_000
    """In an account and Region, in whichever state."""
    aliases_per_key: int = 50
    grants_per_key: int = 50_000
