"""AWS KMS as its clients see it on the wire, whatever stands behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hyok.awsjson.codec import InputDecoder, OutputEncoder
from hyok.awsjson.errors import UNMODELLED_STATUSES, AwsError, encode_error
from hyok.awsjson.model import Model, load_model
from hyok.awsjson.target import find_operation, targets_of


class ServiceModel:
    """Decodes requests and encodes answers of every operation. An operation is compiled when it is first used."""

    __slots__ = ("_decoders", "_encoders", "_model", "_statuses", "_targets")

    def __init__(self, model: Model) -> None:
        self._model = model
        self._targets = targets_of(model)
        self._statuses = {**UNMODELLED_STATUSES, **_modelled_statuses(model)}
        self._decoders: dict[str, InputDecoder] = {}
        self._encoders: dict[str, OutputEncoder] = {}

    @property
    def operations(self) -> tuple[str, ...]:
        """All operation names, in the model's order."""
        return tuple(self._model.operations)

    def operation_of(self, target_header: bytes) -> str:
        """Return the operation that an `X-Amz-Target` asks for. AwsError UnknownOperationException if there is none."""
        return find_operation(target_header, self._targets)

    def decode_input(self, operation: str, body: bytes) -> dict[str, Any]:
        """Return the members that a request has: blobs as bytes, timestamps as Unix seconds, nulls left out.

        AwsError SerializationException or ValidationException, in AWS's words.
        """
        decoder = self._decoders.get(operation)
        if decoder is None:
            decoder = InputDecoder(self._model, self._model.operations[operation].input)
            self._decoders[operation] = decoder
        return decoder.decode(body)

    def encode_output(self, operation: str, output: Mapping[str, Any]) -> bytes:
        """Return the body of an answer; members that are None are left out, times are rounded to milliseconds.

        ValueError for a member or an enum value that the model does not have.
        """
        encoder = self._encoders.get(operation)
        if encoder is None:
            encoder = OutputEncoder(self._model, self._model.operations[operation].output)
            self._encoders[operation] = encoder
        return encoder.encode(output)

    def encode_error(self, error: AwsError) -> tuple[int, bytes]:
        """Return the HTTP status and the body. ValueError for a code that AWS KMS does not have."""
        return encode_error(error, self._statuses)


def load_service_model() -> ServiceModel:
    """Return AWS KMS as the installed botocore describes it."""
    return ServiceModel(load_model())


def _modelled_statuses(model: Model) -> dict[str, int]:
    return {name: 500 if shape.fault else 400 for name, shape in model.shapes.items() if shape.exception}
