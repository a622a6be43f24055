"""`[withdrawal]`: how access ends."""

from __future__ import annotations

from typing import Annotated

import msgspec

from hyok.config.settings.base import About, Settings

OperatorKey = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9._-]{0,62}\+[A-Za-z0-9+/]{43}=\Z")]


class WithdrawalSettings(Settings, frozen=True, kw_only=True):
    """How access ends (`hyok freeze`), and who may give it back."""

    stale_after_seconds: Annotated[
        float,
        msgspec.Meta(ge=2.0, le=3600.0),
        About(
            "A server that cannot read the storage for so long refuses all use of keys, because what it may not know "
            "of could be frozen. Short, an interruption of the storage soon stops AWS KMS; long, a server cut off from "
            "the storage serves on for so long after a freeze.",
            "15.0",
            "a number from 2 to 3600",
        ),
    ] = 15.0
    trusted_operators: Annotated[
        tuple[OperatorKey, ...],
        About(
            "Operators that this machine trusts whatever the storage says, each as NAME+KEY, as `hyok operator list` "
            "shows them. Without any, the first operator ever created is trusted.",
            '["alice+9f3Ncd0kVZ2OkKZs6gN0b4D4gFTdv4u6oXQ1cX8B1pI="]',
            "a list of NAME+KEY",
        ),
    ] = ()
