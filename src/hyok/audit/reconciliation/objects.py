"""Takes JSON objects one by one out of a stream that is too large to be held.

A stream is what CloudTrail delivers, `{"Records": [{…}, {…}]}`, or objects one after another, as lines of JSON are.
Objects are cut out by their braces, without being understood: whoever takes one decodes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from hyok.errors import HyokError

OBJECT_BYTES: Final = 1024 * 1024
"""What is longer is no event: CloudTrail's have 256 kB at most."""

_WRAPPER: Final = re.compile(rb'\s*+\{\s*+"Records"\s*+:\s*+\[')
_WRAPPER_BYTES: Final = 1024
"""Within so many the wrapper must have begun."""
_BETWEEN: Final = re.compile(rb"[\s,]*+")
_END: Final = re.compile(rb"\]\s*+\}\s*+")
# Up to the next brace that stands in no string. Possessive: what does not match is found out in linear time.
_TO_BRACE: Final = re.compile(rb'(?:[^"{}]++|"(?:[^"\\]++|\\.)*+")*+([{}])', re.DOTALL)

# Where the next event begins in what CloudTrail writes: a guess at where this one ends, eight times as fast as reading.
_NEXT_EVENT: Final = re.compile(rb'\}[,\n]{1,2}\{"eventVersion"')
_check: Final = msgspec.json.Decoder(msgspec.Raw).decode


class MalformedStreamError(HyokError):
    """A stream is neither of the two; the text says what is wrong and at which byte."""


def split_objects(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the objects of a stream, each as its bytes. MalformedStreamError where it goes wrong, after those before.

    Holds no more of the stream than a chunk and an object.
    """
    return _Splitter(iter(chunks)).objects()


class _Splitter:
    """Reads ahead as far as it must. What was yielded stays in the buffer until more is read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._buffer = b""
        self._position = 0
        """In the buffer: the first byte that was not yielded yet."""
        self._begins_at = 0
        """Where in the stream the buffer begins."""

    def objects(self) -> Iterator[bytes]:
        while len(self._buffer) < _WRAPPER_BYTES and self._read_more():
            pass
        wrapper = _WRAPPER.match(self._buffer)
        if wrapper:
            self._position = wrapper.end()
        while True:
            self._skip_between()
            first = self._buffer[self._position : self._position + 1]
            if first == b"{":
                end = self._find_end_of_object()
                found = self._buffer[self._position : end]
                self._position = end
                yield found
            elif not first and not wrapper:
                return
            elif first == b"]" and wrapper:
                self._require_end()
                return
            else:
                raise self._malformed("ends" if not first else "holds something else", "an object should begin")

    def _skip_between(self) -> None:
        while True:
            between = _BETWEEN.match(self._buffer, self._position)
            if between:
                self._position = between.end()
            if self._position < len(self._buffer) or not self._read_more():
                return

    def _find_end_of_object(self) -> int:
        guess = _NEXT_EVENT.search(self._buffer, self._position)
        if guess and _is_whole(self._buffer[self._position : guess.start() + 1]):
            return guess.start() + 1
        depth, scanned = 0, 0  # from the object's beginning
        while True:
            step = _TO_BRACE.match(self._buffer, self._position + scanned)
            if step:
                scanned = step.end() - self._position
                depth += 1 if step[1] == b"{" else -1
                if depth == 0:
                    return step.end()
            elif len(self._buffer) - self._position > OBJECT_BYTES:
                raise self._malformed("holds", f"an object of more than {OBJECT_BYTES} bytes begins")
            elif not self._read_more():
                raise self._malformed("ends in the middle of what", "an object begins")

    def _require_end(self) -> None:
        while len(self._buffer) - self._position <= _WRAPPER_BYTES and self._read_more():
            pass
        if not _END.fullmatch(self._buffer, self._position):
            raise self._malformed("has something", "its list of records ends")

    def _read_more(self) -> bool:
        """Add a chunk to the buffer, from which goes what was yielded; positions are then others."""
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        self._buffer = self._buffer[self._position :] + chunk
        self._begins_at += self._position
        self._position = 0
        return True

    def _malformed(self, what: str, where: str) -> MalformedStreamError:
        return MalformedStreamError(f"it {what} at byte {self._begins_at + self._position}, where {where}")


def _is_whole(candidate: bytes) -> bool:
    """Tell whether this is an object from its first byte to its last: then no shorter or longer one begins there."""
    try:
        _check(candidate)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True
