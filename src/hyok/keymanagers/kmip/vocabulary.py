"""The words of KMIP that hyok says and understands (KMIP 2.1, 11; KMIP 1.4, 9.1.3). What is not here is not used."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Final, NamedTuple


class ProtocolVersion(NamedTuple):
    """A version of the protocol."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    @property
    def has_templates(self) -> bool:
        """Whether attributes travel by name in Template-Attributes (1.x) and not by tag in Attributes (2.x)."""
        return self.major == 1


KMIP_1_4: Final = ProtocolVersion(1, 4)
KMIP_2_0: Final = ProtocolVersion(2, 0)
KMIP_2_1: Final = ProtocolVersion(2, 1)
SPOKEN_VERSIONS: Final = (KMIP_2_1, KMIP_2_0, KMIP_1_4)
"""The most wanted first. 1.4 is the first that has additional data and a tag for AES-GCM."""


class Tag(IntEnum):
    """What an item is."""

    ACTIVATION_DATE = 0x420001
    APPLICATION_DATA = 0x420002
    APPLICATION_NAMESPACE = 0x420003
    APPLICATION_SPECIFIC_INFORMATION = 0x420004
    ATTRIBUTE = 0x420008
    ATTRIBUTE_INDEX = 0x420009
    ATTRIBUTE_NAME = 0x42000A
    ATTRIBUTE_VALUE = 0x42000B
    BATCH_COUNT = 0x42000D
    BATCH_ERROR_CONTINUATION_OPTION = 0x42000E
    BATCH_ITEM = 0x42000F
    BATCH_ORDER_OPTION = 0x420010
    BLOCK_CIPHER_MODE = 0x420011
    CRYPTOGRAPHIC_ALGORITHM = 0x420028
    CRYPTOGRAPHIC_LENGTH = 0x42002A
    CRYPTOGRAPHIC_PARAMETERS = 0x42002B
    CRYPTOGRAPHIC_USAGE_MASK = 0x42002C
    INITIAL_DATE = 0x420039
    IV_COUNTER_NONCE = 0x42003D
    LINK = 0x42004A
    LINK_TYPE = 0x42004B
    LINKED_OBJECT_IDENTIFIER = 0x42004C
    NAME = 0x420053
    NAME_TYPE = 0x420054
    NAME_VALUE = 0x420055
    OBJECT_TYPE = 0x420057
    OPERATION = 0x42005C
    PROTOCOL_VERSION = 0x420069
    PROTOCOL_VERSION_MAJOR = 0x42006A
    PROTOCOL_VERSION_MINOR = 0x42006B
    QUERY_FUNCTION = 0x420074
    REQUEST_HEADER = 0x420077
    REQUEST_MESSAGE = 0x420078
    REQUEST_PAYLOAD = 0x420079
    RESPONSE_HEADER = 0x42007A
    RESPONSE_MESSAGE = 0x42007B
    RESPONSE_PAYLOAD = 0x42007C
    RESULT_MESSAGE = 0x42007D
    RESULT_REASON = 0x42007E
    RESULT_STATUS = 0x42007F
    STATE = 0x42008D
    TEMPLATE_ATTRIBUTE = 0x420091
    TIME_STAMP = 0x420092
    UNIQUE_BATCH_ITEM_ID = 0x420093
    UNIQUE_IDENTIFIER = 0x420094
    VENDOR_IDENTIFICATION = 0x42009D
    DATA = 0x4200C2
    RANDOM_IV = 0x4200C5
    IV_LENGTH = 0x4200CD
    TAG_LENGTH = 0x4200CE
    AUTHENTICATED_ENCRYPTION_ADDITIONAL_DATA = 0x4200FE
    AUTHENTICATED_ENCRYPTION_TAG = 0x4200FF
    ATTRIBUTES = 0x420125
    ATTRIBUTE_REFERENCE = 0x42013B
    CURRENT_ATTRIBUTE = 0x42013C
    NEW_ATTRIBUTE = 0x42013D


class Operation(IntEnum):
    """What is asked for."""

    CREATE = 0x01
    RE_KEY = 0x04
    LOCATE = 0x08
    GET_ATTRIBUTES = 0x0B
    ADD_ATTRIBUTE = 0x0D
    MODIFY_ATTRIBUTE = 0x0E
    ACTIVATE = 0x12
    DESTROY = 0x14
    QUERY = 0x18
    DISCOVER_VERSIONS = 0x1E
    ENCRYPT = 0x1F
    DECRYPT = 0x20

    @property
    def is_repeatable(self) -> bool:
        """Whether asking once more changes nothing: so it may be sent again when the connection broke."""
        return self in _REPEATABLE


_REPEATABLE: Final = frozenset(
    {
        Operation.LOCATE,
        Operation.GET_ATTRIBUTES,
        Operation.QUERY,
        Operation.DISCOVER_VERSIONS,
        Operation.ENCRYPT,
        Operation.DECRYPT,
    }
)


class AttributeKind(Enum):
    """The attributes that hyok reads or writes: their tag, which 2.x uses, and their name, which 1.x uses."""

    ACTIVATION_DATE = (Tag.ACTIVATION_DATE, "Activation Date")
    APPLICATION_SPECIFIC_INFORMATION = (Tag.APPLICATION_SPECIFIC_INFORMATION, "Application Specific Information")
    CRYPTOGRAPHIC_ALGORITHM = (Tag.CRYPTOGRAPHIC_ALGORITHM, "Cryptographic Algorithm")
    CRYPTOGRAPHIC_LENGTH = (Tag.CRYPTOGRAPHIC_LENGTH, "Cryptographic Length")
    CRYPTOGRAPHIC_USAGE_MASK = (Tag.CRYPTOGRAPHIC_USAGE_MASK, "Cryptographic Usage Mask")
    INITIAL_DATE = (Tag.INITIAL_DATE, "Initial Date")
    LINK = (Tag.LINK, "Link")
    NAME = (Tag.NAME, "Name")
    OBJECT_TYPE = (Tag.OBJECT_TYPE, "Object Type")
    STATE = (Tag.STATE, "State")

    def __init__(self, tag: Tag, text: str) -> None:
        self.tag = tag
        self.text = text


class State(IntEnum):
    """Where an object is in its life (KMIP 2.1, 4.57)."""

    PRE_ACTIVE = 1
    ACTIVE = 2
    DEACTIVATED = 3
    COMPROMISED = 4
    DESTROYED = 5
    DESTROYED_COMPROMISED = 6


class ResultReason(IntEnum):
    """Why an operation failed. A server may have others."""

    ITEM_NOT_FOUND = 0x01
    RESPONSE_TOO_LARGE = 0x02
    AUTHENTICATION_NOT_SUCCESSFUL = 0x03
    INVALID_MESSAGE = 0x04
    OPERATION_NOT_SUPPORTED = 0x05
    MISSING_DATA = 0x06
    INVALID_FIELD = 0x07
    FEATURE_NOT_SUPPORTED = 0x08
    CRYPTOGRAPHIC_FAILURE = 0x0A
    ILLEGAL_OPERATION = 0x0B
    PERMISSION_DENIED = 0x0C
    OBJECT_ARCHIVED = 0x0D
    APPLICATION_NAMESPACE_NOT_SUPPORTED = 0x0F
    KEY_VALUE_NOT_PRESENT = 0x13
    OBJECT_ALREADY_EXISTS = 0x18
    USAGE_LIMIT_EXCEEDED = 0x1A
    BAD_CRYPTOGRAPHIC_PARAMETERS = 0x24
    INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK = 0x29
    INTERNAL_SERVER_ERROR = 0x2A
    MISSING_INITIALIZATION_VECTOR = 0x34
    NON_UNIQUE_NAME_ATTRIBUTE = 0x35
    OBJECT_DESTROYED = 0x36
    OBJECT_NOT_FOUND = 0x37
    NOT_AUTHORISED = 0x39
    SERVER_LIMIT_EXCEEDED = 0x3A
    UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS = 0x3E
    UNSUPPORTED_PROTOCOL_VERSION = 0x3F
    WRONG_KEY_LIFECYCLE_STATE = 0x43
    PROTECTION_STORAGE_UNAVAILABLE = 0x44
    GENERAL_FAILURE = 0x100


SUCCESS: Final = 0
"""Result Status."""
SYMMETRIC_KEY: Final = 2
"""Object Type."""
AES: Final = 3
"""Cryptographic Algorithm."""
GCM: Final = 9
"""Block Cipher Mode."""
UNINTERPRETED_TEXT: Final = 1
"""Name Type."""
REPLACED_OBJECT_LINK: Final = 0x107
"""Link Type: from a key to the one that it replaced."""
MAY_ENCRYPT: Final = 0x04
MAY_DECRYPT: Final = 0x08
"""Bits of the Cryptographic Usage Mask."""
CONTINUE: Final = 1
"""Batch Error Continuation Option."""
QUERY_OPERATIONS: Final = 1
QUERY_SERVER_INFORMATION: Final = 3
"""Query Functions."""

ALGORITHM_NAMES: Final = {1: "DES", 2: "3DES", 3: "AES", 7: "HMAC_SHA1", 8: "HMAC_SHA224", 9: "HMAC_SHA256"}
"""For keys that hyok cannot use and names all the same."""
