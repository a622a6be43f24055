"""How entering shares fails."""

from __future__ import annotations

from hyok.custody.errors import CustodyError


class ShareError(CustodyError):
    """Words that are no share, or shares that do not go together. The message never holds a word of them."""
