"""Writes tests/vectors/kmip-messages.json: `python -Wignore -m tests.integration.kmip.write_vectors`.

Which items a message has, and in which order, is as in the test cases that OASIS publishes with KMIP Profiles 1.4 and
2.1 (CS-BC-M-GCM, TC-REKEY and others). The bytes come from PyKMIP's primitives, not from hyok.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kmip.core import enums, primitives
from kmip.core.utils import BytearrayStream

TARGET = Path(__file__).parents[2] / "vectors" / "kmip-messages.json"
Tree = list[Any]
"""`[tag, type, value]`, a structure's value being a list of trees."""

AES = ["CRYPTOGRAPHIC_ALGORITHM", "Enumeration", 3]
OLD, NEW = "key-1", "key-2"


def text(tag: str, value: str) -> Tree:
    return [tag, "TextString", value]


def number(tag: str, value: int) -> Tree:
    return [tag, "Integer", value]


def word(tag: str, value: int) -> Tree:
    return [tag, "Enumeration", value]


def octets(tag: str, value: bytes) -> Tree:
    return [tag, "ByteString", value.hex()]


def date(tag: str, value: int) -> Tree:
    return [tag, "DateTime", value]


def struct(tag: str, *items: Tree) -> Tree:
    return [tag, "Structure", list(items)]


def identifier(object_id: str) -> Tree:
    return text("UNIQUE_IDENTIFIER", object_id)


NAME = struct("NAME", text("NAME_VALUE", "payroll"), word("NAME_TYPE", 1))
KEY_TYPE = word("OBJECT_TYPE", 2)
LENGTH = number("CRYPTOGRAPHIC_LENGTH", 256)
MASK = number("CRYPTOGRAPHIC_USAGE_MASK", 12)
LINK = struct("LINK", word("LINK_TYPE", 0x107), text("LINKED_OBJECT_IDENTIFIER", OLD))
STATE = word("STATE", 2)
INITIAL = date("INITIAL_DATE", 1_700_000_000)
ACTIVATION = date("ACTIVATION_DATE", 1_700_000_001)


def mark(data: str) -> Tree:
    return struct(
        "APPLICATION_SPECIFIC_INFORMATION", text("APPLICATION_NAMESPACE", "hyok"), text("APPLICATION_DATA", data)
    )


DRAFT = mark("draft")
MARK = mark("state=enabled;version=2;object=key-2")
COPIED = mark("state=enabled;version=1;object=key-1")
ATTRIBUTE_NAMES = {
    "NAME": "Name",
    "OBJECT_TYPE": "Object Type",
    "CRYPTOGRAPHIC_ALGORITHM": "Cryptographic Algorithm",
    "CRYPTOGRAPHIC_LENGTH": "Cryptographic Length",
    "CRYPTOGRAPHIC_USAGE_MASK": "Cryptographic Usage Mask",
    "LINK": "Link",
    "STATE": "State",
    "INITIAL_DATE": "Initial Date",
    "ACTIVATION_DATE": "Activation Date",
    "APPLICATION_SPECIFIC_INFORMATION": "Application Specific Information",
}
WANTED = [
    "STATE",
    "INITIAL_DATE",
    "ACTIVATION_DATE",
    "CRYPTOGRAPHIC_ALGORITHM",
    "CRYPTOGRAPHIC_LENGTH",
    "CRYPTOGRAPHIC_USAGE_MASK",
    "NAME",
    "LINK",
    "APPLICATION_SPECIFIC_INFORMATION",
]


def named(value: Tree, *, index: int | None = None) -> Tree:
    """An attribute as in 1.x."""
    items = [text("ATTRIBUTE_NAME", ATTRIBUTE_NAMES[value[0]])]
    if index is not None:
        items.append(number("ATTRIBUTE_INDEX", index))
    return struct("ATTRIBUTE", *items, ["ATTRIBUTE_VALUE", *value[1:]])


def parameters(*, is_random: bool) -> Tree:
    random = [["RANDOM_IV", "Boolean", True]] if is_random else []
    return struct(
        "CRYPTOGRAPHIC_PARAMETERS",
        word("BLOCK_CIPHER_MODE", 9),
        AES,
        *random,
        number("IV_LENGTH", 96),
        number("TAG_LENGTH", 16),
    )


IV, TAG, AAD = bytes(range(12)), bytes(range(16, 32)), b"additional data"
DATA, SEALED = b"plaintext", b"ciphertex"
VERSIONS = [
    struct("PROTOCOL_VERSION", number("PROTOCOL_VERSION_MAJOR", major), number("PROTOCOL_VERSION_MINOR", minor))
    for major, minor in ((2, 1), (2, 0), (1, 4))
]


def common() -> list[tuple[str, str, Sequence[Tree], Sequence[Tree]]]:
    """Operations that are alike in 1.4 and 2.x: name, operation, request, response."""
    aad = octets("AUTHENTICATED_ENCRYPTION_ADDITIONAL_DATA", AAD)
    iv, tag = octets("IV_COUNTER_NONCE", IV), octets("AUTHENTICATED_ENCRYPTION_TAG", TAG)
    return [
        ("discover", "DISCOVER_VERSIONS", VERSIONS, VERSIONS[:2]),
        (
            "query",
            "QUERY",
            [word("QUERY_FUNCTION", 1), word("QUERY_FUNCTION", 3)],
            [word("OPERATION", 4), word("OPERATION", 31), text("VENDOR_IDENTIFICATION", "A Maker")],
        ),
        ("rekey", "REKEY", [identifier(OLD)], [identifier(NEW)]),
        ("activate", "ACTIVATE", [identifier(NEW)], [identifier(NEW)]),
        ("destroy", "DESTROY", [identifier(NEW)], [identifier(NEW)]),
        (
            "encrypt",
            "ENCRYPT",
            [identifier(OLD), parameters(is_random=False), octets("DATA", DATA), iv, aad],
            [identifier(OLD), octets("DATA", SEALED), tag],
        ),
        (
            "encrypt, IV by the server",
            "ENCRYPT",
            [identifier(OLD), parameters(is_random=True), octets("DATA", DATA), aad],
            [identifier(OLD), octets("DATA", SEALED), iv, tag],
        ),
        (
            "decrypt",
            "DECRYPT",
            [identifier(OLD), parameters(is_random=False), octets("DATA", SEALED), iv, aad, tag],
            [identifier(OLD), octets("DATA", DATA)],
        ),
    ]


def of_1_x() -> list[tuple[str, str, Sequence[Tree], Sequence[Tree]]]:
    attributes = [STATE, INITIAL, ACTIVATION, AES, LENGTH, MASK, NAME, LINK]
    return [
        ("locate", "LOCATE", [named(NAME), named(KEY_TYPE)], [identifier(NEW), identifier(OLD)]),
        (
            "get attributes",
            "GET_ATTRIBUTES",
            [identifier(NEW), *(text("ATTRIBUTE_NAME", ATTRIBUTE_NAMES[tag]) for tag in WANTED)],
            [identifier(NEW), *map(named, attributes), named(COPIED, index=0), named(MARK, index=1)],
        ),
        (
            "create",
            "CREATE",
            [KEY_TYPE, struct("TEMPLATE_ATTRIBUTE", *map(named, (NAME, AES, LENGTH, MASK, DRAFT)))],
            [KEY_TYPE, identifier(NEW)],
        ),
        ("add attribute", "ADD_ATTRIBUTE", [identifier(NEW), named(MARK)], [identifier(NEW), named(MARK, index=0)]),
        (
            "modify attribute",
            "MODIFY_ATTRIBUTE",
            [identifier(NEW), named(MARK, index=1)],
            [identifier(NEW), named(MARK, index=1)],
        ),
    ]


def of_2_x() -> list[tuple[str, str, Sequence[Tree], Sequence[Tree]]]:
    attributes = [STATE, INITIAL, ACTIVATION, AES, LENGTH, MASK, NAME, LINK, COPIED, MARK]
    return [
        ("locate", "LOCATE", [struct("ATTRIBUTES", NAME, KEY_TYPE)], [identifier(NEW), identifier(OLD)]),
        (
            "get attributes",
            "GET_ATTRIBUTES",
            [identifier(NEW), *(word("ATTRIBUTE_REFERENCE", enums.Tags[tag].value) for tag in WANTED)],
            [identifier(NEW), struct("ATTRIBUTES", *attributes)],
        ),
        (
            "create",
            "CREATE",
            [KEY_TYPE, struct("ATTRIBUTES", NAME, AES, LENGTH, MASK, DRAFT)],
            [KEY_TYPE, identifier(NEW)],
        ),
        ("add attribute", "ADD_ATTRIBUTE", [identifier(NEW), struct("NEW_ATTRIBUTE", MARK)], [identifier(NEW)]),
        (
            "modify attribute",
            "MODIFY_ATTRIBUTE",
            [identifier(NEW), struct("CURRENT_ATTRIBUTE", DRAFT), struct("NEW_ATTRIBUTE", MARK)],
            [identifier(NEW)],
        ),
    ]


def message(kind: str, version: tuple[int, int], operation: str, payload: Sequence[Tree]) -> Tree:
    major, minor = version
    spoken = struct(
        "PROTOCOL_VERSION", number("PROTOCOL_VERSION_MAJOR", major), number("PROTOCOL_VERSION_MINOR", minor)
    )
    asked = word("OPERATION", enums.Operation[operation].value)
    count = number("BATCH_COUNT", 1)
    if kind == "REQUEST":
        header = struct("REQUEST_HEADER", spoken, count)
        return struct("REQUEST_MESSAGE", header, struct("BATCH_ITEM", asked, struct("REQUEST_PAYLOAD", *payload)))
    header = struct("RESPONSE_HEADER", spoken, date("TIME_STAMP", 1_700_000_002), count)
    done = struct("BATCH_ITEM", asked, word("RESULT_STATUS", 0), struct("RESPONSE_PAYLOAD", *payload))
    return struct("RESPONSE_MESSAGE", header, done)


def encode(tree: Tree) -> bytes:
    """Encode with PyKMIP's primitives."""
    name, kind, value = tree
    tag = enums.Tags.BATCH_ITEM if name == "BATCH_ITEM" else enums.Tags[name]
    stream = BytearrayStream()
    if kind == "Structure":
        content = b"".join(map(encode, value))
        item = primitives.Struct(tag=tag)
        item.length = len(content)
        item.write(stream)
        return bytes(stream.buffer) + content
    if kind == "Enumeration":
        # Its class wants to know the list of words; an Integer has the same bytes under another type.
        item = primitives.Integer(value, tag=tag)
        item.type = enums.Types.ENUMERATION
    else:
        item = getattr(primitives, kind)(bytes.fromhex(value) if kind == "ByteString" else value, tag=tag)
    item.write(stream)
    return bytes(stream.buffer)


def write() -> None:
    vectors = []
    for version in ((1, 4), (2, 0), (2, 1)):
        for name, operation, asked, answered in (*common(), *(of_1_x() if version[0] == 1 else of_2_x())):
            request = message("REQUEST", version, operation, asked)
            response = message("RESPONSE", version, operation, answered)
            vectors.append(
                {
                    "name": name,
                    "version": "{}.{}".format(*version),
                    "request": encode(request).hex(),
                    "response": encode(response).hex(),
                }
            )
    document = {"origin": (__doc__ or "").partition("\n\n")[2].replace("\n", " ").strip(), "vectors": vectors}
    TARGET.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    write()
