"""Strict reading of one kind of message.

On top of what msgspec checks while it decodes:

* Base64 must be canonical. msgspec refuses white space, URL-safe characters and wrong padding, but takes any bits after
  the last byte. Where anything in the body looks as if it had such bits, its texts are read a second time to look.
* `null` means absent, as in the JSON of many a client; it makes a required field missing.
* A member that is repeated counts as its last value, for `codec.extra_metadata` too. The body is signed as a whole, so
  nobody but the signer can repeat one.
* What is wrong is said in words of ours, which name the field and what was expected and never hold a value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Struct
from msgspec.json import Decoder
from msgspec.structs import astuple, fields

from hyok.errors import HyokError
from hyok.xks.faults import BASE64_REQUIREMENT, describe_fault

MessageT = TypeVar("MessageT", bound=Struct)

_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_BACKSLASH: Final = ord("\\")
_PAD: Final = ord("=")
_LAST_BEFORE_ONE_PAD: Final = frozenset(b"AEIMQUYcgkosw048")
"""The Base64 characters whose last two bits are zero."""
_LAST_BEFORE_TWO_PADS: Final = frozenset(b"AQgw")
"""The Base64 characters whose last four bits are zero."""


class MessageReader(Generic[MessageT]):
    """Reads messages of one type; `refuse` makes the error to raise from what is wrong with a body."""

    __slots__ = ("_decoder", "_message_type", "_refuse", "_text_decoder", "_texts")

    def __init__(self, message_type: type[MessageT], refuse: Callable[[str], HyokError]) -> None:
        binary = [field for field in fields(message_type) if field.type is bytes]
        self._message_type = message_type
        self._texts = msgspec.defstruct("Texts", [(field.name, str, "") for field in binary], rename="camel")
        self._decoder = Decoder(message_type)
        self._text_decoder = Decoder(self._texts)
        self._refuse = refuse

    def read(self, body: bytes) -> MessageT:
        """Read a message."""
        try:
            message = self._decoder.decode(body)
            if not body.isascii():
                body.decode()  # in what it skips, msgspec does not look at the UTF-8
        except _UNREADABLE:
            return self._read_again(body)
        if _may_have_stray_bits(body):
            self._refuse_stray_bits(self._text_decoder.decode(body))
        return message

    def _read_again(self, body: bytes) -> MessageT:
        """Read a message without its nulls, or say what is wrong with it."""
        # The causes are cut off: some of them quote the body.
        try:
            content = _drop_nulls(msgspec.json.decode(body))
        except _UNREADABLE:
            raise self._refuse("the body is not readable JSON") from None
        try:
            message = msgspec.convert(content, self._message_type)
        except msgspec.ValidationError:
            raise self._refuse(describe_fault(self._message_type, content)) from None
        self._refuse_stray_bits(msgspec.convert(content, self._texts))
        return message

    def _refuse_stray_bits(self, texts: Struct) -> None:
        for text in astuple(texts):
            if _may_have_stray_bits(b'"%b"' % text.encode()):
                name = next(field.encode_name for field in fields(texts) if getattr(texts, field.name) == text)
                raise self._refuse(f"{name} {BASE64_REQUIREMENT}")


def _drop_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {name: _drop_nulls(member) for name, member in value.items() if member is not None}
    return value


def _may_have_stray_bits(body: bytes) -> bool:
    """Tell whether a string of this JSON ends like Base64 with bits behind its last byte, or could be written so.

    Looks for single bytes: to look for longer strings takes several times as long.
    """
    if _BACKSLASH in body:
        return True
    pad = body.find(_PAD)
    while pad != -1:
        is_double = body[pad + 1] == _PAD
        if body[pad - 1] not in (_LAST_BEFORE_TWO_PADS if is_double else _LAST_BEFORE_ONE_PAD):
            return True
        pad = body.find(_PAD, pad + 1 + is_double)
    return False
