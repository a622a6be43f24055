"""The messages of the XKS proxy API, snake_case here and camelCase on the wire.

`bytes` are Base64 on the wire. An optional field that is absent has its default; a message is written without the
fields that have theirs. Fields that the specification does not name are ignored on reading.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from hyok.xks.limits import MAX_ARN_CHARACTERS, MAX_FLEET_MEMBERS, MAX_KEY_USAGES

Arn = Annotated[str, Meta(max_length=MAX_ARN_CHARACTERS)]


class Message(Struct, rename="camel", frozen=True, omit_defaults=True, gc=False):
    """What all messages have in common."""


class RequestMetadata(Message, frozen=True):
    """Who asks KMS for what (XKS API, requestMetadata).

    GetKeyMetadata needs `aws_principal_arn`, Encrypt and Decrypt that and `kms_key_arn`; codec.py sees to it.
    """

    kms_operation: str
    """Any string: KMS may have operations that we have not heard of."""
    kms_request_id: str
    """Opaque; the same as CloudTrail's requestID."""
    aws_principal_arn: Arn = ""
    """An ARN, a service principal, or `AWS Internal`."""
    kms_key_arn: Arn = ""
    aws_source_vpc: str = ""
    aws_source_vpce: str = ""
    kms_via_service: str = ""


class GetKeyMetadataRequest(Message, frozen=True):
    """Ask for a key's kind and state."""

    request_metadata: RequestMetadata


class KeyStatus(Enum):
    """Whether a key may be used. The values are the XKS proxy API's."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class GetKeyMetadataResponse(Message, frozen=True):
    """A key's kind and state."""

    key_spec: str
    """`AES_256` for a 256-bit AES key."""
    key_usage: Annotated[tuple[str, ...], Meta(max_length=MAX_KEY_USAGES)]
    """`ENCRYPT` and `DECRYPT` where the key supports them; other strings are allowed."""
    key_status: KeyStatus


class EncryptRequest(Message, frozen=True):
    """Encrypt a plaintext of up to 8192 bytes."""

    request_metadata: RequestMetadata
    plaintext: bytes
    encryption_algorithm: Literal["AES_GCM"]
    additional_authenticated_data: bytes = b""
    ciphertext_data_integrity_value_algorithm: Literal["SHA_256"] | None = None
    """None if no integrity value is asked for."""

    def __repr__(self) -> str:
        return f"EncryptRequest({self.request_metadata!r}, plaintext of {len(self.plaintext)} bytes)"


class EncryptResponse(Message, frozen=True):
    """A ciphertext as long as the plaintext, and what it takes to decrypt it."""

    ciphertext: bytes
    initialization_vector: bytes
    """12 or 16 bytes."""
    authentication_tag: bytes
    """16 bytes."""
    ciphertext_metadata: bytes = b""
    """At most 20 bytes, the proxy's own, bound into the AAD."""
    ciphertext_data_integrity_value: bytes = b""
    """32 bytes exactly if the request named an algorithm."""


class DecryptRequest(Message, frozen=True):
    """Decrypt what Encrypt answered."""

    request_metadata: RequestMetadata
    ciphertext: bytes
    initialization_vector: bytes
    authentication_tag: bytes
    encryption_algorithm: Literal["AES_GCM"]
    ciphertext_metadata: bytes = b""
    additional_authenticated_data: bytes = b""


class DecryptResponse(Message, frozen=True):
    """The plaintext."""

    plaintext: bytes

    def __repr__(self) -> str:
        return f"DecryptResponse(plaintext of {len(self.plaintext)} bytes)"


class GetHealthStatusRequest(Message, frozen=True):
    """Ask whether an Encrypt sent right after would succeed."""

    request_metadata: RequestMetadata


class EkmHealthStatus(Enum):
    """The state of one instance of the external key manager. The values are the XKS proxy API's."""

    ACTIVE = "ACTIVE"
    DEGRADED = "DEGRADED"
    """Unhealthy, still serves."""
    UNAVAILABLE = "UNAVAILABLE"


class EkmFleetDetail(Message, frozen=True):
    """One instance of the external key manager."""

    id: str
    model: str
    health_status: EkmHealthStatus


class GetHealthStatusResponse(Message, frozen=True):
    """The proxy, and the instances of its external key manager."""

    xks_proxy_fleet_size: Annotated[int, Meta(gt=0)]
    xks_proxy_vendor: str
    xks_proxy_model: str
    """Product and version."""
    ekm_vendor: str
    ekm_fleet_details: Annotated[tuple[EkmFleetDetail, ...], Meta(min_length=1, max_length=MAX_FLEET_MEMBERS)]
