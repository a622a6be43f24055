"""Every operation in every version, byte for byte, against messages that another encoder made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hyok.keymanagers.kmip.attributes import (
    algorithm,
    application_information,
    length,
    name,
    symmetric_key,
    usage_mask,
)
from hyok.keymanagers.kmip.messages import RequestItem, decode_response, encode_request
from hyok.keymanagers.kmip.objects import KeyObject, Mark, MarkPlace
from hyok.keymanagers.kmip.requests import (
    AddAttribute,
    Create,
    Decrypt,
    DiscoverVersions,
    Encrypt,
    Encrypted,
    GetAttributes,
    Locate,
    ModifyAttribute,
    ObjectRequest,
    Query,
    ReKey,
    Request,
    ServerDescription,
)
from hyok.keymanagers.kmip.ttlv import Item
from hyok.keymanagers.kmip.vocabulary import (
    AES,
    KMIP_2_0,
    KMIP_2_1,
    SPOKEN_VERSIONS,
    Operation,
    ProtocolVersion,
    State,
)

VECTORS: list[dict[str, str]] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "kmip-messages.json").read_text("utf-8")
)["vectors"]
VERSIONS = {str(version): version for version in SPOKEN_VERSIONS}

OLD, NEW = "key-1", "key-2"
IV, TAG, AAD = bytes(range(12)), bytes(range(16, 32)), b"additional data"
MARK = application_information("hyok", f"state=enabled;version=2;object={NEW}")


def replaced_key(version: ProtocolVersion) -> KeyObject:
    """A replacement that Re-key made, with a copied mark beside its own."""
    place = MarkPlace(f"state=enabled;version=2;object={NEW}", 1 if version.has_templates else 0)
    return KeyObject(
        id=NEW,
        state=State.ACTIVE,
        initial_date=1_700_000_000,
        algorithm=AES,
        length_bits=256,
        usage_mask=12,
        names=("payroll",),
        replaced_id=OLD,
        has_activation_date=True,
        mark=Mark(is_enabled=True, version=2, object_id=NEW),
        mark_place=place,
    )


def exchange(vector_name: str, version: ProtocolVersion) -> tuple[Request[Any], object]:
    """What is asked, and what is understood of the answer."""
    created = (name("payroll"), algorithm(AES), length(256), usage_mask(12), application_information("hyok", "draft"))
    exchanges: dict[str, tuple[Request[Any], object]] = {
        "discover": (DiscoverVersions(SPOKEN_VERSIONS), (KMIP_2_1, KMIP_2_0)),
        "query": (Query(), ServerDescription("A Maker", frozenset({Operation.RE_KEY, Operation.ENCRYPT}))),
        "locate": (Locate([name("payroll"), symmetric_key()]), (NEW, OLD)),
        "get attributes": (GetAttributes(NEW), replaced_key(version)),
        "create": (Create(created), NEW),
        "rekey": (ReKey(OLD), NEW),
        "add attribute": (AddAttribute(NEW, MARK), None),
        "modify attribute": (
            ModifyAttribute(NEW, application_information("hyok", "draft", position=1), MARK),
            None,
        ),
        "activate": (ObjectRequest(Operation.ACTIVATE, NEW), None),
        "destroy": (ObjectRequest(Operation.DESTROY, NEW), None),
        "encrypt": (Encrypt(OLD, b"plaintext", AAD, IV), Encrypted(b"ciphertex", None, TAG)),
        "encrypt, IV by the server": (Encrypt(OLD, b"plaintext", AAD, None), Encrypted(b"ciphertex", IV, TAG)),
        "decrypt": (Decrypt(OLD, b"ciphertex", IV, TAG, AAD), b"plaintext"),
    }
    return exchanges[vector_name]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['version']} {vector['name']}")
def test_requests_are_written_and_responses_read_as_others_do(vector: dict[str, str]) -> None:
    version = VERSIONS[vector["version"]]
    request, understood = exchange(vector["name"], version)
    written = encode_request(version, [RequestItem(request.operation, request.encode(version))])
    assert written.hex() == vector["request"]
    response = decode_response(bytes.fromhex(vector["response"]), [request.operation])
    assert (response.version, response.time_stamp) == (version, 1_700_000_002)
    (result,) = response.results
    assert isinstance(result, Item)
    assert request.decode(result, version) == understood


def test_there_is_a_vector_for_every_operation_in_every_version() -> None:
    seen = {(vector["version"], exchange(vector["name"], KMIP_2_1)[0].operation) for vector in VECTORS}
    assert seen == {(version, operation) for version in VERSIONS for operation in Operation}
