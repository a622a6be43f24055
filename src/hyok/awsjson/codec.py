"""One operation's messages: a request body to values, values to an answer's body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from hyok.awsjson.deserialization import build_reader, read_document
from hyok.awsjson.message_types import message_type
from hyok.awsjson.model import Model, ShapeReference
from hyok.awsjson.serialization import build_writer
from hyok.awsjson.validation import build_check, validate

_encode_json: Final = msgspec.json.Encoder().encode


class InputDecoder:
    """Decodes and validates the request bodies of one operation."""

    __slots__ = ("_check", "_decode_typed", "_read")

    def __init__(self, model: Model, input_shape: ShapeReference) -> None:
        self._decode_typed = msgspec.json.Decoder(message_type(model, input_shape)).decode
        self._read = build_reader(model, input_shape)
        self._check = build_check(model, input_shape)

    def decode(self, body: bytes) -> dict[str, Any]:
        """Return the members that are present. AwsError SerializationException or ValidationException."""
        try:
            values: dict[str, Any] = self._decode_typed(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # not yet an error, and AWS's words are not msgspec's
        else:
            return values
        return self._decode_exactly(body)

    def _decode_exactly(self, body: bytes) -> dict[str, Any]:
        values = cast("dict[str, Any]", self._read(read_document(body)))
        validate(values, self._check)
        return values


class OutputEncoder:
    """Encodes the answers of one operation."""

    __slots__ = ("_write",)

    def __init__(self, model: Model, output_shape: ShapeReference | None) -> None:
        self._write = None if output_shape is None else build_writer(model, output_shape)

    def encode(self, output: Mapping[str, Any]) -> bytes:
        """Return the body, empty for an operation without an output. ValueError for what the model does not have."""
        if self._write is not None:
            return _encode_json(self._write(output))
        if output:
            raise ValueError(f"the service model has no output for this operation, not even {', '.join(output)}")
        return b""
