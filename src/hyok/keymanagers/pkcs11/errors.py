"""Why a token cannot be opened."""

from __future__ import annotations

from hyok.errors import HyokError


class TokenMissingError(HyokError):
    """No token of that name is there now."""

    def __init__(self, message: str, *, others_are_there: bool) -> None:
        super().__init__(message)
        self.others_are_there = others_are_there
        """Then the name is likely wrong; else the whole device may be away."""


class TokenRefusedError(HyokError):
    """The token is there and will not do as it is configured: trying again would change nothing, or lock the PIN."""


class KeyVanishedError(HyokError):
    """A key that was there is not found: sooner a fault of the token than the loss of a key."""
