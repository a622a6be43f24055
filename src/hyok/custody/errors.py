"""How custody fails."""

from __future__ import annotations

from hyok.errors import HyokError


class CustodyError(HyokError):
    """A root key refused or could not do what was asked of it."""


class IntegrityError(CustodyError):
    """Something sealed does not open in its place: it was altered, swapped, or comes from another storage."""
