"""A KMIP server in a thread, over real mutual TLS, with what PyKMIP lacks.

That is version 2.1, Re-key, Add Attribute, unique names, destroyed objects that are remembered, and faults on demand.
Re-key does what KMIP 2.1, 6.1.51 prescribes: the name moves to the replacement, other attributes are copied, the
two are linked.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import trustme
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hyok.keymanagers.kmip import ttlv
from hyok.keymanagers.kmip.messages import encode_version
from hyok.keymanagers.kmip.setup import KmipSetup
from hyok.keymanagers.kmip.ttlv import Item, ItemType
from hyok.keymanagers.kmip.vocabulary import (
    KMIP_2_1,
    AttributeKind,
    Operation,
    ProtocolVersion,
    ResultReason,
    State,
    Tag,
)
from hyok.transport.sockets import Address
from hyok.transport.tls import client_context
from tests.unit.transport.certificates import authority_source, key_pair

NAME = "kmip.test"


class RefusalError(Exception):
    def __init__(self, reason: int, message: str = "") -> None:
        super().__init__(message)
        self.reason = reason


@dataclass
class Stored:
    """An object: its attributes that hyok reads, and its material."""

    id: str
    state: State
    initial_date: int
    names: list[str]
    mask: int
    material: bytes | None
    information: list[tuple[str, str]] = field(default_factory=list)
    replaced: str | None = None
    activation_date: int | None = None


@dataclass
class Behaviour:
    """How this server is, and what it does wrong."""

    versions: tuple[ProtocolVersion, ...] = (KMIP_2_1,)
    rekeys: bool = True
    rekey_leaves_drafts: bool = False
    deactivates_replaced: bool = False
    decrypts_deactivated: bool = True
    ignores_filters: bool = False
    refuse: dict[Operation, int] = field(default_factory=dict)
    """Reasons to refuse an operation."""
    wrong_tag_reason: int = ResultReason.CRYPTOGRAPHIC_FAILURE
    spoil: Callable[[Operation, bytes], bytes | None] = lambda operation, response: response
    """What becomes of a response; None to hang up instead."""
    iv: bytes | None = None
    """The IV of all its own encryptions, if it makes one and the same."""


class KmipDouble:
    """Objects, and the operations on them. One request at a time."""

    def __init__(self) -> None:
        self.objects: dict[str, Stored] = {}
        self.behaviour = Behaviour()
        self.asked: list[Operation] = []
        self.now = 1_700_000_000
        self.hang_up: Callable[[], object] = lambda: None
        """Closes all connections; there once it listens."""
        self._ids = map("object-{}".format, itertools.count(1))

    def answer(self, message: bytes) -> bytes | None:
        """Answer a request; None to hang up."""
        request = ttlv.decode(message)
        header = request.only(Tag.REQUEST_HEADER)
        version = _version(header.only(Tag.PROTOCOL_VERSION))
        batch = list(request.all(Tag.BATCH_ITEM))
        operation = Operation(batch[0].only(Tag.OPERATION).number(ItemType.ENUMERATION))
        if version not in self.behaviour.versions:
            reason = ResultReason.INVALID_MESSAGE
            return self._respond(ProtocolVersion(1, 0), [_failure(None, reason, "version")])
        response = self._respond(version, [self._perform(item, version) for item in batch])
        return self.behaviour.spoil(operation, response)

    def _respond(self, version: ProtocolVersion, items: list[bytes]) -> bytes:
        stamp = _date(Tag.TIME_STAMP, self.now)
        header = ttlv.structure(
            Tag.RESPONSE_HEADER, encode_version(version), stamp, ttlv.integer(Tag.BATCH_COUNT, len(items))
        )
        return ttlv.structure(Tag.RESPONSE_MESSAGE, header, *items)

    def _perform(self, item: Item, version: ProtocolVersion) -> bytes:
        operation = Operation(item.only(Tag.OPERATION).number(ItemType.ENUMERATION))
        self.asked.append(operation)
        number = item.find(Tag.UNIQUE_BATCH_ITEM_ID)
        try:
            if operation in self.behaviour.refuse:
                raise RefusalError(self.behaviour.refuse[operation], "as told")
            payload = self._operations()[operation](item.only(Tag.REQUEST_PAYLOAD), version)
        except RefusalError as refusal:
            return _failure(operation, refusal.reason, str(refusal), number)
        return ttlv.structure(
            Tag.BATCH_ITEM,
            ttlv.enumeration(Tag.OPERATION, operation),
            b"" if number is None else ttlv.octets(Tag.UNIQUE_BATCH_ITEM_ID, number.octets()),
            ttlv.enumeration(Tag.RESULT_STATUS, 0),
            ttlv.structure(Tag.RESPONSE_PAYLOAD, payload),
        )

    def _operations(self) -> dict[Operation, Callable[[Item, ProtocolVersion], bytes]]:
        return {
            Operation.DISCOVER_VERSIONS: self._discover,
            Operation.QUERY: self._query,
            Operation.LOCATE: self._locate,
            Operation.GET_ATTRIBUTES: self._get_attributes,
            Operation.CREATE: self._create,
            Operation.RE_KEY: self._rekey,
            Operation.ADD_ATTRIBUTE: self._add_attribute,
            Operation.MODIFY_ATTRIBUTE: self._modify_attribute,
            Operation.ACTIVATE: self._activate,
            Operation.DESTROY: self._destroy,
            Operation.ENCRYPT: self._encrypt,
            Operation.DECRYPT: self._decrypt,
        }

    def _discover(self, payload: Item, version: ProtocolVersion) -> bytes:
        asked = [_version(each) for each in payload.all(Tag.PROTOCOL_VERSION)]
        return b"".join(encode_version(each) for each in self.behaviour.versions if each in asked)

    def _query(self, payload: Item, version: ProtocolVersion) -> bytes:
        operations = [each for each in Operation if each is not Operation.RE_KEY or self.behaviour.rekeys]
        words = (ttlv.enumeration(Tag.OPERATION, each) for each in operations)
        return b"".join(words) + ttlv.text(Tag.VENDOR_IDENTIFICATION, "Double")

    def _locate(self, payload: Item, version: ProtocolVersion) -> bytes:
        wanted = [
            value.only(Tag.NAME_VALUE).text()
            for kind, value in _attributes(payload, Tag.ATTRIBUTES, version)
            if kind is AttributeKind.NAME
        ]
        ignored = self.behaviour.ignores_filters
        found = (each for each in self.objects.values() if ignored or set(wanted) <= set(each.names))
        return b"".join(_identifier(each.id) for each in found)

    def _get_attributes(self, payload: Item, version: ProtocolVersion) -> bytes:
        stored = self._find(payload)
        encoded = _encode_attributes(stored)
        if not version.has_templates:
            return _identifier(stored.id) + ttlv.structure(Tag.ATTRIBUTES, *(value for _, value, _ in encoded))
        return _identifier(stored.id) + b"".join(
            ttlv.structure(
                Tag.ATTRIBUTE,
                ttlv.text(Tag.ATTRIBUTE_NAME, kind.text),
                ttlv.integer(Tag.ATTRIBUTE_INDEX, position) if position else b"",
                ttlv.retag(value, Tag.ATTRIBUTE_VALUE),
            )
            for kind, value, position in encoded
        )

    def _create(self, payload: Item, version: ProtocolVersion) -> bytes:
        stored = Stored(next(self._ids), State.PRE_ACTIVE, self.now, [], 0, os.urandom(32))
        for kind, value in _attributes(payload, Tag.ATTRIBUTES, version):
            if kind is AttributeKind.NAME:
                stored.names.append(value.only(Tag.NAME_VALUE).text())
            elif kind is AttributeKind.CRYPTOGRAPHIC_USAGE_MASK:
                stored.mask = value.number(ItemType.INTEGER)
            elif kind is AttributeKind.APPLICATION_SPECIFIC_INFORMATION:
                stored.information.append(_information(value))
        if any(set(stored.names) & set(each.names) for each in self.objects.values()):
            raise RefusalError(ResultReason.NON_UNIQUE_NAME_ATTRIBUTE, "names are unique")
        self.objects[stored.id] = stored
        return ttlv.enumeration(Tag.OBJECT_TYPE, 2) + _identifier(stored.id)

    def _rekey(self, payload: Item, version: ProtocolVersion) -> bytes:
        return _identifier(self.rekey(payload.only(Tag.UNIQUE_IDENTIFIER).text()))

    def rekey(self, object_id: str) -> str:
        """Replace a key; the server's own scheduler may do so as well."""
        existing = self.objects[object_id]
        if not existing.names:
            raise RefusalError(ResultReason.INVALID_FIELD, "was replaced already")
        leaves_draft = self.behaviour.rekey_leaves_drafts or existing.activation_date is None
        replacement = replace(
            existing,
            id=next(self._ids),
            # The activation date is copied, and so is over.
            state=State.PRE_ACTIVE if leaves_draft else State.ACTIVE,
            activation_date=None if leaves_draft else existing.activation_date,
            initial_date=self.now,
            names=existing.names,
            material=os.urandom(32),
            information=list(existing.information),
            replaced=existing.id,
        )
        existing.names = []
        if self.behaviour.deactivates_replaced:
            existing.state = State.DEACTIVATED
        self.objects[replacement.id] = replacement
        return replacement.id

    def _add_attribute(self, payload: Item, version: ProtocolVersion) -> bytes:
        stored = self._find(payload)
        for _, value in _attributes(payload, Tag.NEW_ATTRIBUTE, version):
            stored.information.append(_information(value))
        return _identifier(stored.id)

    def _modify_attribute(self, payload: Item, version: ProtocolVersion) -> bytes:
        stored = self._find(payload)
        if version.has_templates:
            attribute = payload.only(Tag.ATTRIBUTE)
            index = attribute.find(Tag.ATTRIBUTE_INDEX)
            position = 0 if index is None else index.number(ItemType.INTEGER)
            stored.information[position] = _information(attribute.only(Tag.ATTRIBUTE_VALUE))
            return _identifier(stored.id)
        ((_, current),) = _attributes(payload, Tag.CURRENT_ATTRIBUTE, version)
        ((_, new),) = _attributes(payload, Tag.NEW_ATTRIBUTE, version)
        if _information(current) not in stored.information:
            raise RefusalError(0x21, "no such attribute")
        stored.information[stored.information.index(_information(current))] = _information(new)
        return _identifier(stored.id)

    def _activate(self, payload: Item, version: ProtocolVersion) -> bytes:
        stored = self._find(payload)
        if stored.state is not State.PRE_ACTIVE:
            raise RefusalError(ResultReason.WRONG_KEY_LIFECYCLE_STATE)
        stored.state = State.ACTIVE
        stored.activation_date = self.now
        return _identifier(stored.id)

    def _destroy(self, payload: Item, version: ProtocolVersion) -> bytes:
        stored = self._find(payload)
        stored.state = State.DESTROYED
        stored.material = None
        return _identifier(stored.id)

    def _encrypt(self, payload: Item, version: ProtocolVersion) -> bytes:
        stored = self._find(payload)
        if stored.state is not State.ACTIVE or stored.material is None:
            raise RefusalError(ResultReason.WRONG_KEY_LIFECYCLE_STATE, stored.state.name)
        given = payload.find(Tag.IV_COUNTER_NONCE)
        iv = self.behaviour.iv or os.urandom(12) if given is None else given.octets()
        aad = payload.only(Tag.AUTHENTICATED_ENCRYPTION_ADDITIONAL_DATA).octets()
        combined = AESGCM(stored.material).encrypt(iv, payload.only(Tag.DATA).octets(), aad)
        return (
            _identifier(stored.id)
            + ttlv.octets(Tag.DATA, combined[:-16])
            + (ttlv.octets(Tag.IV_COUNTER_NONCE, iv) if given is None else b"")
            + ttlv.octets(Tag.AUTHENTICATED_ENCRYPTION_TAG, combined[-16:])
        )

    def _decrypt(self, payload: Item, version: ProtocolVersion) -> bytes:
        stored = self._find(payload)
        allowed = {State.ACTIVE, State.DEACTIVATED} if self.behaviour.decrypts_deactivated else {State.ACTIVE}
        if stored.state not in allowed or stored.material is None:
            raise RefusalError(ResultReason.WRONG_KEY_LIFECYCLE_STATE, stored.state.name)
        combined = payload.only(Tag.DATA).octets() + payload.only(Tag.AUTHENTICATED_ENCRYPTION_TAG).octets()
        aad = payload.only(Tag.AUTHENTICATED_ENCRYPTION_ADDITIONAL_DATA).octets()
        try:
            plaintext = AESGCM(stored.material).decrypt(payload.only(Tag.IV_COUNTER_NONCE).octets(), combined, aad)
        except InvalidTag as error:
            raise RefusalError(self.behaviour.wrong_tag_reason, "CRYPTO") from error
        return _identifier(stored.id) + ttlv.octets(Tag.DATA, plaintext)

    def _find(self, payload: Item) -> Stored:
        stored = self.objects.get(payload.only(Tag.UNIQUE_IDENTIFIER).text())
        if stored is None:
            raise RefusalError(ResultReason.OBJECT_NOT_FOUND)
        return stored


def _version(item: Item) -> ProtocolVersion:
    major, minor = (
        item.only(tag).number(ItemType.INTEGER) for tag in (Tag.PROTOCOL_VERSION_MAJOR, Tag.PROTOCOL_VERSION_MINOR)
    )
    return ProtocolVersion(major, minor)


def _attributes(payload: Item, container: Tag, version: ProtocolVersion) -> list[tuple[AttributeKind, Item]]:
    if not version.has_templates:
        items = payload.only(container)
        return [(kind, value) for kind in AttributeKind for value in items.all(kind.tag)]
    template = payload.find(Tag.TEMPLATE_ATTRIBUTE) or payload
    kinds = {kind.text: kind for kind in AttributeKind}
    return [
        (kinds[each.only(Tag.ATTRIBUTE_NAME).text()], each.only(Tag.ATTRIBUTE_VALUE))
        for each in template.all(Tag.ATTRIBUTE)
    ]


def _encode_attributes(stored: Stored) -> list[tuple[AttributeKind, bytes, int]]:
    kinds = AttributeKind
    encoded = [
        (kinds.STATE, ttlv.enumeration(Tag.STATE, stored.state), 0),
        (kinds.INITIAL_DATE, _date(Tag.INITIAL_DATE, stored.initial_date), 0),
        (kinds.CRYPTOGRAPHIC_ALGORITHM, ttlv.enumeration(Tag.CRYPTOGRAPHIC_ALGORITHM, 3), 0),
        (kinds.CRYPTOGRAPHIC_LENGTH, ttlv.integer(Tag.CRYPTOGRAPHIC_LENGTH, 256), 0),
        (kinds.CRYPTOGRAPHIC_USAGE_MASK, ttlv.integer(Tag.CRYPTOGRAPHIC_USAGE_MASK, stored.mask), 0),
    ]
    if stored.activation_date is not None:
        encoded.append((kinds.ACTIVATION_DATE, _date(Tag.ACTIVATION_DATE, stored.activation_date), 0))
    for position, name in enumerate(stored.names):
        value = ttlv.structure(Tag.NAME, ttlv.text(Tag.NAME_VALUE, name), ttlv.enumeration(Tag.NAME_TYPE, 1))
        encoded.append((kinds.NAME, value, position))
    if stored.replaced is not None:
        link = (ttlv.enumeration(Tag.LINK_TYPE, 0x107), ttlv.text(Tag.LINKED_OBJECT_IDENTIFIER, stored.replaced))
        encoded.append((kinds.LINK, ttlv.structure(Tag.LINK, *link), 0))
    for position, (namespace, text) in enumerate(stored.information):
        items = (ttlv.text(Tag.APPLICATION_NAMESPACE, namespace), ttlv.text(Tag.APPLICATION_DATA, text))
        value = ttlv.structure(Tag.APPLICATION_SPECIFIC_INFORMATION, *items)
        encoded.append((kinds.APPLICATION_SPECIFIC_INFORMATION, value, position))
    return encoded


def _information(value: Item) -> tuple[str, str]:
    return value.only(Tag.APPLICATION_NAMESPACE).text(), value.only(Tag.APPLICATION_DATA).text()


def _identifier(object_id: str) -> bytes:
    return ttlv.text(Tag.UNIQUE_IDENTIFIER, object_id)


def _date(tag: Tag, seconds: int) -> bytes:
    return tag.to_bytes(3) + bytes((ItemType.DATE_TIME,)) + (8).to_bytes(4) + seconds.to_bytes(8)


def _failure(operation: int | None, reason: int, message: str, number: Item | None = None) -> bytes:
    return ttlv.structure(
        Tag.BATCH_ITEM,
        b"" if operation is None else ttlv.enumeration(Tag.OPERATION, operation),
        b"" if number is None else ttlv.octets(Tag.UNIQUE_BATCH_ITEM_ID, number.octets()),
        ttlv.enumeration(Tag.RESULT_STATUS, 1),
        ttlv.enumeration(Tag.RESULT_REASON, reason),
        ttlv.text(Tag.RESULT_MESSAGE, message),
    )


@contextmanager
def serving(double: KmipDouble) -> Iterator[KmipSetup]:
    """Let it listen, in a thread; yield what a key manager for it is made of."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    started: Future[tuple[Address, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    open_ones: set[asyncio.StreamWriter] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        try:
            while True:
                head = await reader.readexactly(8)
                answer = double.answer(head + await reader.readexactly(int.from_bytes(head[4:])))
                if answer is None:
                    break
                writer.write(answer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            open_ones.discard(writer)
            writer.transport.abort()

    def hang_up() -> None:
        for writer in open_ones:
            writer.transport.abort()

    async def main() -> None:
        stopped = asyncio.Event()
        server = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=context)
        address = Address(*server.sockets[0].getsockname())
        started.set_result((address, asyncio.get_running_loop(), stopped))
        await stopped.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    address, loop, stopped = started.result(10)
    double.hang_up = partial(loop.call_soon_threadsafe, hang_up)
    pair = key_pair(authority, "hyok", common_name="hyok")
    try:
        tls = client_context(authority_source(authority), pair, application_protocol=None)
        yield KmipSetup(address, NAME, tls)
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
