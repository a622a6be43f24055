"""Invariant: any text is refused with InvalidGrantTokenException, but one that this KMS gave, which names its grant."""

from __future__ import annotations

from hyok.awsjson.errors import AwsError
from hyok.custody.safe import Safe
from hyok.kms.grant_tokens import GrantTokens
from hyok.secret import Secret

_TOKENS = GrantTokens(Safe("storage", [Secret(bytes(32))]))
_GRANT_ID = "5a" * 32
_TOKEN = _TOKENS.create(_GRANT_ID)

SEEDS = (_TOKEN.encode(), b"AQ==")


def fuzz_one(data: bytes) -> None:
    """Read a text as a token."""
    text = data.decode("utf-8", "replace")
    try:
        grant_id = _TOKENS.grant_id(text)
    except AwsError as error:
        assert error.code == "InvalidGrantTokenException"  # noqa: PT017  # fuzz entries run without pytest
        assert text != _TOKEN
    else:
        assert text == _TOKEN
        assert grant_id == _GRANT_ID
