"""Grant tokens: texts that name a grant, given at its creation and good at once.

hyok's grants are in force when CreateGrant answers, so a token opens no door that the grant itself would not. It still
is what RetireGrant takes, and a token that this KMS never gave is refused as AWS refuses it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from hyok.awsjson.errors import AwsError
from hyok.custody.errors import IntegrityError
from hyok.custody.safe import Safe

_TABLE: Final = "grants"
_PURPOSE: Final = "token"


class GrantTokens:
    """Makes and reads grant tokens. All tokens of one grant differ and serve alike."""

    def __init__(self, safe: Safe) -> None:
        self._safe = safe

    def create(self, grant_id: str) -> str:
        """Return a fresh token of a grant."""
        return _encode(self._safe.seal(bytes.fromhex(grant_id), _TABLE, _PURPOSE))

    def grant_id(self, token: str) -> str:
        """Return the id of the grant a token names, be it there or not. AwsError InvalidGrantTokenException."""
        try:
            sealed = base64.b64decode(token, validate=True)
            grant_id = self._safe.open(sealed, _TABLE, _PURPOSE).reveal().hex()
        except (binascii.Error, ValueError, IntegrityError) as error:
            raise _invalid(token) from error
        if _encode(sealed) != token:  # Base64 has several texts for the same bytes, and we gave one of them
            raise _invalid(token)
        return grant_id

    def check(self, tokens: Sequence[str]) -> None:
        """Refuse a request that carries a token which this KMS never gave. AwsError InvalidGrantTokenException."""
        for token in tokens:
            self.grant_id(token)


def _encode(sealed: bytes) -> str:
    return base64.b64encode(sealed).decode("ascii")


def _invalid(token: str) -> AwsError:
    return AwsError("InvalidGrantTokenException", f"The grant token ({len(token)} characters) is not one of this KMS.")
