"""The four operations of the XKS proxy API."""

from __future__ import annotations

from enum import Enum


class XksOperation(Enum):
    """An operation; the value is the specification's name for it."""

    GET_KEY_METADATA = "GetKeyMetadata"
    ENCRYPT = "Encrypt"
    DECRYPT = "Decrypt"
    GET_HEALTH_STATUS = "GetHealthStatus"
