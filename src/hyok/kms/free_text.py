"""Text that callers choose freely. It is kept to the letter; NUL, which PostgreSQL cannot keep, is refused anywhere."""

from __future__ import annotations

from hyok.kms.errors import validation


def read_free_text(member: str, text: str) -> str:
    """Return the text of a request's member. AwsError ValidationException, in the model's words, if NUL is in it."""
    if "\0" in text:
        raise validation(
            f"1 validation error detected: Value at '{member[:1].lower()}{member[1:]}' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [^\\u0000]*"
        )
    return text
