"""What an operation of the KMS API is to the pipeline: a function from decoded input to output."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

from hyok.kms.call import Call

Input = Mapping[str, Any]
"""A decoded and validated request: AWS's member names, blobs as bytes. Typed values are taken out at the operation's
top; nothing below it sees this type."""

Output = Mapping[str, object]
"""A response under AWS's member names: blobs as bytes, timestamps as Unix seconds."""

Operation = Callable[[Call, Input], Coroutine[Any, Any, Output | None]]
"""Carry out one operation; None where it has no output shape. Raises `AwsError` and nothing else on purpose."""


class OperationFamily(Protocol):
    """A group of operations that share what they work on."""

    def operations(self) -> Mapping[str, Operation]:
        """Return this family's operations by their AWS names."""
        ...
