"""The proxy: what goes in comes out, what was altered does not, and no input is answered with a failure of ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyok.proxy.ciphertext_metadata import encode_ciphertext_metadata, read_ciphertext_metadata
from hyok.proxy.predecessors import PredecessorError, parse_predecessor
from hyok.transport.messages import HttpRequest, Peer
from hyok.xks.errors import XksErrorName
from hyok.xks.operations import XksOperation
from tests.sizes import size
from tests.unit.proxy.stage import (
    Stage,
    content_of,
    decrypt_request,
    encrypt_request,
    from_base64,
    health_request,
    make_request,
    metadata_request,
    open_key_manager,
    to_base64,
)

quickly = settings(max_examples=size(usual=150, nightly=5_000), derandomize=True, deadline=None)
thoroughly = settings(max_examples=size(usual=1_000, nightly=50_000), derandomize=True, deadline=None)

ERRORS = {name.value: name for name in XksErrorName}
REQUESTS: dict[XksOperation, Callable[[Stage], HttpRequest]] = {
    XksOperation.ENCRYPT: lambda _: encrypt_request(),
    XksOperation.DECRYPT: lambda stage: decrypt_request(stage.encrypt()),
    XksOperation.GET_KEY_METADATA: lambda _: metadata_request(),
    XksOperation.GET_HEALTH_STATUS: lambda _: health_request(),
}
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=9).map(to_base64),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("proxy")
    with open_key_manager(directory) as manager:
        stage = Stage(manager, directory / "audit")
        yield stage
        stage.close()


def check_answer(stage: Stage, request: HttpRequest, operation: XksOperation | None) -> None:
    """Ask, and hold the answer and its record against the specification."""
    response = stage.ask(request)
    stage.service.before_answers_leave()
    assert response.status != 500, response.body
    if response.status in (200, 405):
        return
    answered = ERRORS[json.loads(response.body)["errorName"]]
    assert response.status == answered.status
    assert operation is None or operation in answered.operations


@quickly
@given(st.binary(max_size=8192), st.none() | st.binary(max_size=8192))
def test_whatever_is_encrypted_is_decrypted(stage: Stage, plaintext: bytes, aad: bytes | None) -> None:
    encrypted = stage.encrypt(plaintext=plaintext, aad=aad)

    assert from_base64(content_of(stage.ask(decrypt_request(encrypted, aad=aad)))["plaintext"]) == plaintext


@quickly
@given(
    st.binary(min_size=1, max_size=60),
    st.sampled_from(["ciphertext", "initializationVector", "authenticationTag", "ciphertextMetadata"]),
    st.integers(min_value=0),
    st.integers(min_value=0, max_value=7),
)
def test_any_flipped_bit_is_a_corrupted_ciphertext(
    stage: Stage, plaintext: bytes, field: str, position: int, bit: int
) -> None:
    encrypted = stage.encrypt(plaintext=plaintext)
    altered = bytearray(from_base64(encrypted[field]))
    altered[position % len(altered)] ^= 1 << bit

    response = stage.ask(decrypt_request(encrypted | {field: to_base64(bytes(altered))}))

    assert json.loads(response.body)["errorName"] == "InvalidCiphertextException"


@thoroughly
@given(st.sampled_from(XksOperation), st.data())
def test_a_signed_body_with_wrong_members_is_refused_in_the_apis_words(
    stage: Stage, operation: XksOperation, data: st.DataObject
) -> None:
    request = REQUESTS[operation](stage)
    content: dict[str, Any] = json.loads(request.body)
    target = content if data.draw(st.booleans(), "outside") else content["requestMetadata"]
    name = data.draw(st.sampled_from(sorted(target)) | st.text(max_size=8), "member")
    target[name] = data.draw(json_values, "value")

    body = json.dumps(content).encode("utf-8", "surrogatepass")
    check_answer(stage, make_request(request.target.decode(), body), operation)


@quickly
@given(st.sampled_from(XksOperation), st.binary(max_size=200))
def test_a_signed_body_of_any_bytes_is_refused_in_the_apis_words(
    stage: Stage, operation: XksOperation, body: bytes
) -> None:
    check_answer(stage, make_request(REQUESTS[operation](stage).target.decode(), body), operation)


@thoroughly
@given(
    st.sampled_from([b"POST", b"GET", b"PUT", b""]),
    st.binary(max_size=60) | st.sampled_from([b"/alpha/kms/xks/v1/health", b"/ping"]),
    st.binary(max_size=120),
    st.binary(max_size=20),
    st.binary(max_size=60),
)
def test_an_unsigned_request_of_any_bytes_gets_nowhere(
    stage: Stage, method: bytes, target: bytes, authorization: bytes, amz_date: bytes, body: bytes
) -> None:
    request = HttpRequest(Peer("192.0.2.7:4711", ""))
    request.method, request.target, request.body = method, target, body
    request.authorization, request.amz_date = authorization, amz_date
    request.headers = [(b"authorization", authorization), (b"x-amz-date", amz_date)]

    check_answer(stage, request, None)


@quickly
@given(st.sampled_from(sorted(set(encrypt_request().authorization))), st.integers(min_value=0))
def test_one_changed_byte_of_the_authorization_gets_nowhere(stage: Stage, byte: int, position: int) -> None:
    request = encrypt_request()
    altered = bytearray(request.authorization)
    altered[position % len(altered)] = byte
    request.authorization = bytes(altered)

    response = stage.ask(request)

    # Replaced by itself, or white space by white space that means the same.
    assert response.status == 401 or altered.split() == encrypt_request().authorization.split()


@quickly
@given(st.integers(min_value=1, max_value=2**32 - 1), st.integers(min_value=1, max_value=255))
def test_every_key_version_of_every_copy_survives_the_ciphertext_metadata(version: int, copy: int) -> None:
    assert read_ciphertext_metadata(encode_ciphertext_metadata(version, copy=copy)) == (copy, version)


@quickly
@given(st.binary(max_size=20))
def test_ciphertext_metadata_has_one_form_only(metadata: bytes) -> None:
    sealed_by = read_ciphertext_metadata(metadata)
    if sealed_by is not None:
        assert encode_ciphertext_metadata(sealed_by.key_version, copy=sealed_by.copy) == metadata


@quickly
@given(st.text() | st.from_regex(r"\A(aws-sample|raw-aad):[A-Za-z0-9+/=]{0,32}\Z"))
def test_a_predecessor_is_read_as_what_is_written_of_it_or_refused(text: str) -> None:
    try:
        predecessor = parse_predecessor(text)
    except PredecessorError:
        return
    assert parse_predecessor(str(predecessor)) == predecessor
    assert len(predecessor.ciphertext_metadata) <= 20
    assert read_ciphertext_metadata(predecessor.ciphertext_metadata) is None
