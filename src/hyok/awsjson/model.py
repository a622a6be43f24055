"""The service model of AWS KMS, as botocore ships it: operations, shapes, constraints.

Read directly, because botocore's own loader takes ten times as long to import as the model takes to read.
"""

from __future__ import annotations

import pkgutil
import zlib
from enum import Enum
from typing import Final

import msgspec

_MODEL_FILE: Final = "data/kms/2014-11-01/service-2.json.gz"
_GZIP_WINDOW_BITS: Final = 31

# Where AWS KMS is known to differ from its public model.
_UNPUBLISHED_PATTERNS: Final = {
    # Recorded answers to an empty and to a Japanese key id.
    "KeyIdType": r"^\p{ASCII}+$",
}
_EMPTY_STRING_ALLOWED: Final = frozenset(
    {
        # UpdateCustomKeyStore's documentation tells the caller to clear the name with an empty string.
        "XksProxyVpcEndpointServiceNameType",
    }
)


class ShapeType(Enum):
    """The types that shapes of the KMS model have."""

    STRUCTURE = "structure"
    LIST = "list"
    MAP = "map"
    STRING = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    BLOB = "blob"
    TIMESTAMP = "timestamp"


class ShapeReference(msgspec.Struct, frozen=True):
    """A shape's name where another shape or an operation uses it."""

    shape: str


class Shape(msgspec.Struct, frozen=True, rename={"minimum": "min", "maximum": "max"}):
    """One shape. `minimum` and `maximum` bound a number's value, else the length: characters, bytes or members."""

    type: ShapeType
    members: dict[str, ShapeReference] = {}
    required: frozenset[str] = frozenset()
    member: ShapeReference | None = None
    key: ShapeReference | None = None
    value: ShapeReference | None = None
    minimum: int | None = None
    maximum: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    sensitive: bool = False
    exception: bool = False
    fault: bool = False
    is_empty_allowed: bool = False
    """An empty string passes whatever the other constraints say."""


class Operation(msgspec.Struct, frozen=True):
    """One operation. Without `output` its answer has an empty body."""

    input: ShapeReference
    output: ShapeReference | None = None


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """What the model says of the service as a whole."""

    target_prefix: str


class Model(msgspec.Struct, frozen=True):
    """The whole model."""

    metadata: Metadata
    operations: dict[str, Operation]
    shapes: dict[str, Shape]

    def shape(self, reference: ShapeReference | None) -> Shape:
        """Return the shape that is referred to. ValueError if the model is not sound."""
        if reference is None or reference.shape not in self.shapes:
            raise ValueError(f"the service model refers to a shape that it does not have: {reference}")
        return self.shapes[reference.shape]


def load_model() -> Model:
    """Read the KMS model of the installed botocore, with AWS's known differences from it (about 10 ms)."""
    compressed = pkgutil.get_data("botocore", _MODEL_FILE)
    if compressed is None:
        raise ValueError(f"the installed botocore has no {_MODEL_FILE}; install the version that hyok requires")
    return amend(msgspec.json.decode(zlib.decompress(compressed, _GZIP_WINDOW_BITS), type=Model))


def amend(model: Model) -> Model:
    """Return the model with what AWS KMS is known to do differently."""
    shapes = dict(model.shapes)
    for name, pattern in _UNPUBLISHED_PATTERNS.items():
        shapes[name] = msgspec.structs.replace(shapes[name], pattern=pattern)
    for name in _EMPTY_STRING_ALLOWED:
        shapes[name] = msgspec.structs.replace(shapes[name], is_empty_allowed=True)
    return msgspec.structs.replace(model, shapes=shapes)
