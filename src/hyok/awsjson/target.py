"""`X-Amz-Target: TrentService.Encrypt` names the operation."""

from __future__ import annotations

from collections.abc import Mapping

from hyok.awsjson.errors import AwsError
from hyok.awsjson.model import Model


def targets_of(model: Model) -> dict[bytes, str]:
    """Return each operation by the header value that asks for it."""
    prefix = model.metadata.target_prefix
    return {f"{prefix}.{operation}".encode(): operation for operation in model.operations}


def find_operation(target: bytes, targets: Mapping[bytes, str]) -> str:
    """Return the operation that a header value asks for.

    UnknownOperationException, without a message as AWS answers it, for anything else: an empty value too, and another
    case.
    """
    operation = targets.get(target)
    if operation is None:
        raise AwsError("UnknownOperationException")
    return operation
