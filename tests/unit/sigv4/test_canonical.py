from __future__ import annotations

import pytest

from hyok.sigv4.canonical import (
    HOST_AND_DATE,
    canonical_path,
    canonical_plain_request,
    canonical_query,
    canonical_request,
    fold_headers,
    hash_payload,
    is_plain,
    string_to_sign,
)
from tests.unit.sigv4.requests import VECTORS, Vector, each_vector


def test_the_suite_is_whole() -> None:
    assert len(VECTORS) == 38


@each_vector
def test_the_canonical_request_of_the_header_form_is_awss(vector: Vector) -> None:
    request = vector.header_form.with_headers((b"x-amz-date", b"20150830T123600Z"))
    headers = fold_headers(request.headers)
    canonical = canonical_request(
        method=request.method,
        target=request.target,
        headers=headers,
        signed_headers=b";".join(sorted(headers)),
        payload_hash=hash_payload(request.body),
        normalize_path=vector.normalize_path,
    )
    assert canonical.decode() == vector.case["header_canonical_request"]
    scope = f"20150830/{vector.context['region']}/{vector.context['service']}/aws4_request".encode()
    assert string_to_sign(b"20150830T123600Z", scope, canonical).decode() == vector.case["header_string_to_sign"]


@each_vector
def test_the_canonical_request_of_the_query_form_is_awss(vector: Vector) -> None:
    request = vector.query_form
    presigned = vector.signer.presign(
        method=request.method,
        target=request.target,
        headers=request.headers,
        body=request.body,
        now=vector.now,
        expires_seconds=vector.context["expiration_in_seconds"],
    )
    headers = fold_headers(request.headers)
    canonical = canonical_request(
        method=request.method,
        target=presigned.partition(b"&X-Amz-Signature=")[0],
        headers=headers,
        signed_headers=b";".join(sorted(headers)),
        payload_hash=hash_payload(request.body),
        normalize_path=vector.normalize_path,
    )
    assert canonical.decode() == vector.case["query_canonical_request"]


def test_a_plain_request_is_built_in_one_step_as_in_many() -> None:
    target = b"/tenant/kms/xks/v1/keys/key-1.a_b/encrypt"
    many = canonical_request(
        method=b"POST",
        target=target,
        headers={b"host": b"xks.example.com:8443", b"x-amz-date": b"20150830T123600Z"},
        signed_headers=HOST_AND_DATE,
        payload_hash=hash_payload(b"body"),
    )
    assert many == canonical_plain_request(b"POST", target, b"xks.example.com:8443", b"20150830T123600Z", b"body")


@pytest.mark.parametrize("target", [b"/", b"/a/b", b"/kms/xks/v1/keys/a.b-c_d~/encrypt", b"/a/"])
def test_a_target_without_anything_to_encode_or_normalise_is_plain(target: bytes) -> None:
    assert is_plain(target)


@pytest.mark.parametrize(
    "target",
    [b"", b"a", b"/a?", b"/a?b=c", b"/a//b", b"/.", b"/a/../b", b"/a/.b", b"/a b", b"/%20", b"/\xff", b"/a\x00", b"/+"],
)
def test_a_target_that_might_change_is_not_plain(target: bytes) -> None:
    assert not is_plain(target)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"", b"/"),
        (b"/a%20b", b"/a%2520b"),
        (b"/../../a", b"/a"),
        (b"/a/./b/", b"/a/b/"),
        (b"/a;b=c,d+e", b"/a%3Bb%3Dc%2Cd%2Be"),
        (b"/\xff", b"/%FF"),
    ],
)
def test_a_path_is_normalised_and_encoded_once_more_than_on_the_wire(path: bytes, expected: bytes) -> None:
    assert canonical_path(path) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", b""),
        (b"b=2&a=1", b"a=1&b=2"),
        (b"a=2&a=1", b"a=1&a=2"),
        (b"flag", b"flag="),
        (b"a=%2f", b"a=%2F"),
        (b"a=b=c", b"a=b%3Dc"),
        (b"a=x+y", b"a=x%2By"),
        (b"a=%zz", b"a=%25zz"),
        (b"&&a=1&", b"a=1"),
    ],
)
def test_query_parameters_are_sorted_and_encoded_exactly_once(query: bytes, expected: bytes) -> None:
    assert canonical_query(query) == expected


def test_headers_are_folded_trimmed_and_joined_in_order_of_arrival() -> None:
    folded = fold_headers([(b"X-B", b"  2  3\t4 "), (b"x-a", b"line\r\n  fold"), (b"x-b", b"1"), (b"x-c", b"")])
    assert folded == {b"x-b": b"2 3 4,1", b"x-a": b"line fold", b"x-c": b""}
