"""The operations that hyok asks for: what is sent and what must come back (KMIP 2.1, 6.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol, TypeVar

from hyok.keymanagers.kmip import ttlv
from hyok.keymanagers.kmip.attributes import (
    Attribute,
    decode_attributes,
    encode_filter,
    encode_new_object,
    encode_new_value,
    encode_references,
    encode_replacement,
)
from hyok.keymanagers.kmip.messages import decode_version, encode_version
from hyok.keymanagers.kmip.objects import WANTED_ATTRIBUTES, KeyObject, read_object
from hyok.keymanagers.kmip.ttlv import Item, ItemType, MalformedMessageError
from hyok.keymanagers.kmip.vocabulary import (
    AES,
    GCM,
    QUERY_OPERATIONS,
    QUERY_SERVER_INFORMATION,
    SYMMETRIC_KEY,
    Operation,
    ProtocolVersion,
    Tag,
)

T_co = TypeVar("T_co", covariant=True)

TAG_BYTES: Final = 16
IV_BYTES: Final = 12


class Request(Protocol[T_co]):
    """One operation, and how to read its result."""

    @property
    def operation(self) -> Operation:
        """Which operation it is."""
        ...

    def encode(self, version: ProtocolVersion) -> bytes:
        """Return the items of the Request Payload."""
        ...

    def decode(self, payload: Item, version: ProtocolVersion) -> T_co:
        """Read a Response Payload. MalformedMessageError if it is not what was asked for."""
        ...


class DiscoverVersions(NamedTuple):
    """Ask which of these versions the server speaks; it answers with its preference."""

    versions: Sequence[ProtocolVersion]
    operation: Operation = Operation.DISCOVER_VERSIONS

    def encode(self, version: ProtocolVersion) -> bytes:
        """Return the versions."""
        return b"".join(map(encode_version, self.versions))

    def decode(self, payload: Item, version: ProtocolVersion) -> tuple[ProtocolVersion, ...]:
        """Return the server's versions."""
        return tuple(map(decode_version, payload.all(Tag.PROTOCOL_VERSION)))


class ServerDescription(NamedTuple):
    """What a server says of itself."""

    vendor: str
    operations: frozenset[int]


class Query(NamedTuple):
    """Ask who made the server and which operations it has."""

    operation: Operation = Operation.QUERY

    def encode(self, version: ProtocolVersion) -> bytes:
        """Return the Query Functions."""
        functions = (QUERY_OPERATIONS, QUERY_SERVER_INFORMATION)
        return b"".join(ttlv.enumeration(Tag.QUERY_FUNCTION, function) for function in functions)

    def decode(self, payload: Item, version: ProtocolVersion) -> ServerDescription:
        """Return the description."""
        vendor = payload.find(Tag.VENDOR_IDENTIFICATION)
        operations = (item.number(ItemType.ENUMERATION) for item in payload.all(Tag.OPERATION))
        return ServerDescription("" if vendor is None else vendor.text(), frozenset(operations))


class Locate(NamedTuple):
    """Find the objects that have all these attributes."""

    attributes: Sequence[Attribute]
    operation: Operation = Operation.LOCATE

    def encode(self, version: ProtocolVersion) -> bytes:
        """Return the filter."""
        return encode_filter(self.attributes, version)

    def decode(self, payload: Item, version: ProtocolVersion) -> tuple[str, ...]:
        """Return their identifiers."""
        return tuple(item.text() for item in payload.all(Tag.UNIQUE_IDENTIFIER))


class GetAttributes(NamedTuple):
    """Read all of an object that hyok wants to know."""

    object_id: str
    operation: Operation = Operation.GET_ATTRIBUTES

    def encode(self, version: ProtocolVersion) -> bytes:
        """Return the identifier and what is wanted."""
        return _identifier(self.object_id) + encode_references(WANTED_ATTRIBUTES, version)

    def decode(self, payload: Item, version: ProtocolVersion) -> KeyObject:
        """Return the object."""
        _check_identifier(payload, self.object_id)
        return read_object(self.object_id, tuple(decode_attributes(payload, version)))


class Create(NamedTuple):
    """Make a symmetric key with these attributes."""

    attributes: Sequence[Attribute]
    operation: Operation = Operation.CREATE

    def encode(self, version: ProtocolVersion) -> bytes:
        """Return the kind of object and its attributes."""
        return ttlv.enumeration(Tag.OBJECT_TYPE, SYMMETRIC_KEY) + encode_new_object(self.attributes, version)

    def decode(self, payload: Item, version: ProtocolVersion) -> str:
        """Return the new object's identifier."""
        return payload.only(Tag.UNIQUE_IDENTIFIER).text()


class ReKey(NamedTuple):
    """Replace a key by a new one, which takes over its name."""

    object_id: str
    operation: Operation = Operation.RE_KEY

    def encode(self, version: ProtocolVersion) -> bytes:
        """Return the identifier."""
        return _identifier(self.object_id)

    def decode(self, payload: Item, version: ProtocolVersion) -> str:
        """Return the replacement's identifier."""
        replacement = payload.only(Tag.UNIQUE_IDENTIFIER).text()
        if replacement == self.object_id:
            raise MalformedMessageError("Re-key returned the object that was to be replaced")
        return replacement


class AddAttribute(NamedTuple):
    """Give an object one more attribute."""

    object_id: str
    attribute: Attribute
    operation: Operation = Operation.ADD_ATTRIBUTE

    def encode(self, version: ProtocolVersion) -> bytes:
        """Return the identifier and the attribute."""
        return _identifier(self.object_id) + encode_new_value(self.attribute, version)

    def decode(self, payload: Item, version: ProtocolVersion) -> None:
        """Check whose attribute it is."""
        _check_identifier(payload, self.object_id)


class ModifyAttribute(NamedTuple):
    """Put another value in an attribute's place."""

    object_id: str
    current: Attribute
    new: Attribute
    operation: Operation = Operation.MODIFY_ATTRIBUTE

    def encode(self, version: ProtocolVersion) -> bytes:
        """Return the identifier and both values."""
        return _identifier(self.object_id) + encode_replacement(self.current, self.new, version)

    def decode(self, payload: Item, version: ProtocolVersion) -> None:
        """Check whose attribute it is."""
        _check_identifier(payload, self.object_id)


class ObjectRequest(NamedTuple):
    """Activate or destroy an object."""

    operation: Operation
    object_id: str

    def encode(self, version: ProtocolVersion) -> bytes:
        """Return the identifier."""
        return _identifier(self.object_id)

    def decode(self, payload: Item, version: ProtocolVersion) -> None:
        """Check which object it was."""
        _check_identifier(payload, self.object_id)


class Encrypted(NamedTuple):
    """What Encrypt gives."""

    ciphertext: bytes
    iv: bytes | None
    """None if the server did not make it."""
    tag: bytes


class Encrypt(NamedTuple):
    """Encrypt with AES-GCM. Without an IV, the server is asked for a random one."""

    object_id: str
    plaintext: bytes
    aad: bytes
    iv: bytes | None
    operation: Operation = Operation.ENCRYPT

    def encode(self, version: ProtocolVersion) -> bytes:
        """Return the parameters, the plaintext and the additional data."""
        return (
            _identifier(self.object_id)
            + _parameters(random_iv=self.iv is None, iv_bytes=IV_BYTES if self.iv is None else len(self.iv))
            + ttlv.octets(Tag.DATA, self.plaintext)
            + (b"" if self.iv is None else ttlv.octets(Tag.IV_COUNTER_NONCE, self.iv))
            + ttlv.octets(Tag.AUTHENTICATED_ENCRYPTION_ADDITIONAL_DATA, self.aad)
        )

    def decode(self, payload: Item, version: ProtocolVersion) -> Encrypted:
        """Return ciphertext, IV and tag."""
        _check_identifier(payload, self.object_id)
        iv = payload.find(Tag.IV_COUNTER_NONCE)
        data = payload.find(Tag.DATA)
        return Encrypted(
            b"" if data is None else data.octets(),
            None if iv is None else iv.octets(),
            payload.only(Tag.AUTHENTICATED_ENCRYPTION_TAG).octets(),
        )


class Decrypt(NamedTuple):
    """Decrypt what AES-GCM encrypted."""

    object_id: str
    ciphertext: bytes
    iv: bytes
    tag: bytes
    aad: bytes
    operation: Operation = Operation.DECRYPT

    def encode(self, version: ProtocolVersion) -> bytes:
        """Return the parameters, the ciphertext, the additional data and the tag."""
        return (
            _identifier(self.object_id)
            + _parameters(random_iv=False, iv_bytes=len(self.iv))
            + ttlv.octets(Tag.DATA, self.ciphertext)
            + ttlv.octets(Tag.IV_COUNTER_NONCE, self.iv)
            + ttlv.octets(Tag.AUTHENTICATED_ENCRYPTION_ADDITIONAL_DATA, self.aad)
            + ttlv.octets(Tag.AUTHENTICATED_ENCRYPTION_TAG, self.tag)
        )

    def decode(self, payload: Item, version: ProtocolVersion) -> bytes:
        """Return the plaintext."""
        _check_identifier(payload, self.object_id)
        data = payload.find(Tag.DATA)
        return b"" if data is None else data.octets()


def _identifier(object_id: str) -> bytes:
    return ttlv.text(Tag.UNIQUE_IDENTIFIER, object_id)


def _check_identifier(payload: Item, object_id: str) -> None:
    found = payload.only(Tag.UNIQUE_IDENTIFIER).text()
    if found != object_id:
        raise MalformedMessageError(f"the result is about object {found}, not {object_id}")


def _parameters(*, random_iv: bool, iv_bytes: int) -> bytes:
    # IV Length is in bits, Tag Length in bytes (KMIP 2.1, 4.18).
    return ttlv.structure(
        Tag.CRYPTOGRAPHIC_PARAMETERS,
        ttlv.enumeration(Tag.BLOCK_CIPHER_MODE, GCM),
        ttlv.enumeration(Tag.CRYPTOGRAPHIC_ALGORITHM, AES),
        ttlv.boolean(Tag.RANDOM_IV, value=True) if random_iv else b"",
        ttlv.integer(Tag.IV_LENGTH, iv_bytes * 8),
        ttlv.integer(Tag.TAG_LENGTH, TAG_BYTES),
    )
