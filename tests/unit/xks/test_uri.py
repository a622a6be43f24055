from __future__ import annotations

import pytest

from hyok.xks.errors import XksError, XksErrorName
from hyok.xks.uri import XksOperation, XksTarget, build_path, is_external_key_id, parse_target, validate_uri_path

LONGEST_PREFIX = b"/" + b"p" * (128 - len("/kms/xks/v1") - 1)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/kms/xks/v1/health", XksTarget(b"", XksOperation.GET_HEALTH_STATUS, b"")),
        (b"/tenant/kms/xks/v1/health", XksTarget(b"/tenant", XksOperation.GET_HEALTH_STATUS, b"")),
        (b"/kms/xks/v1/keys/k/metadata", XksTarget(b"", XksOperation.GET_KEY_METADATA, b"k")),
        (b"/a/b-c_D/9/kms/xks/v1/keys/K.1-_/encrypt", XksTarget(b"/a/b-c_D/9", XksOperation.ENCRYPT, b"K.1-_")),
        (b"/kms/xks/v1/keys/health/decrypt", XksTarget(b"", XksOperation.DECRYPT, b"health")),
        (b"/kms/xks/v1/keys/encrypt/decrypt", XksTarget(b"", XksOperation.DECRYPT, b"encrypt")),
        (
            b"/kms/xks/v1/keys/a/kms/xks/v1/keys/b/encrypt",
            XksTarget(b"/kms/xks/v1/keys/a", XksOperation.ENCRYPT, b"b"),
        ),
        (b"/kms/xks/v1/keys/" + b"k" * 128 + b"/encrypt", XksTarget(b"", XksOperation.ENCRYPT, b"k" * 128)),
        (LONGEST_PREFIX + b"/kms/xks/v1/health", XksTarget(LONGEST_PREFIX, XksOperation.GET_HEALTH_STATUS, b"")),
    ],
)
def test_a_target_names_prefix_operation_and_key(target: bytes, expected: XksTarget) -> None:
    assert parse_target(target) == expected


@pytest.mark.parametrize(
    "target",
    [
        b"",
        b"/",
        b"/ping",
        b"kms/xks/v1/health",
        b"tenant/kms/xks/v1/health",
        b"//kms/xks/v1/health",
        b"/kms/xks/v1",
        b"/kms/xks/v1/",
        b"/kms/xks/v1/health/",
        b"/kms/xks/v1/keys",
        b"/kms/xks/v1/keys/health",
        b"/kms/xks/v1/keys/encrypt",
        b"/kms/xks/v1/keys//encrypt",
        b"/kms/xks/v1/keys/k/",
        b"/kms/xks/v1/keys/k/rotate",
        b"/kms/xks/v1/keys/k/encrypt/",
        b"/kms/xks/v1/keys/k/Encrypt",
        b"/kms/xks/v1/keys/a/b/encrypt",
        b"/kms/xks/v1/k/encrypt",
        b"/kms/xks/v2/keys/k/encrypt",
        b"/KMS/xks/v1/keys/k/encrypt",
        b"/kms/xks/v1/keys/k/encrypt?",
        b"/kms/xks/v1/keys/k/encrypt?a=b",
        b"/kms/xks/v1/health?a=/kms/xks/v1/health",
        b"/kms/xks/v1/keys/k%2e/encrypt",
        b"/kms/xks/v1/keys/k~/encrypt",
        b"/kms/xks/v1/keys/k\x00/encrypt",
        b"/kms/xks/v1/keys/\xc3\xa9/encrypt",
        b"/kms/xks/v1/keys/" + b"k" * 129 + b"/encrypt",
        b"/te.nant/kms/xks/v1/health",
        b"/te%20nant/kms/xks/v1/health",
        b"/tenant\xff/kms/xks/v1/keys/k/encrypt",
        LONGEST_PREFIX + b"p/kms/xks/v1/health",
        b"https://xks.example.com/kms/xks/v1/health",
    ],
)
def test_any_other_target_is_an_invalid_path(target: bytes) -> None:
    with pytest.raises(XksError) as raised:
        parse_target(target)
    assert raised.value.name is XksErrorName.INVALID_URI_PATH


@pytest.mark.parametrize(
    ("operation", "key_id", "expected"),
    [
        (XksOperation.GET_KEY_METADATA, "k", b"/tenant/kms/xks/v1/keys/k/metadata"),
        (XksOperation.ENCRYPT, "k", b"/tenant/kms/xks/v1/keys/k/encrypt"),
        (XksOperation.DECRYPT, "k", b"/tenant/kms/xks/v1/keys/k/decrypt"),
        (XksOperation.GET_HEALTH_STATUS, "", b"/tenant/kms/xks/v1/health"),
    ],
)
def test_a_path_is_built_as_it_is_parsed(operation: XksOperation, key_id: str, expected: bytes) -> None:
    assert build_path("/tenant/kms/xks/v1", operation, key_id) == expected
    assert parse_target(expected) == XksTarget(b"/tenant", operation, key_id.encode())


@pytest.mark.parametrize("uri_path", ["/kms/xks/v1", "/a/kms/xks/v1", "/A-z_0/9/kms/xks/v1", "/a//b/kms/xks/v1"])
def test_a_uri_path_of_the_allowed_characters_is_valid(uri_path: str) -> None:
    validate_uri_path(uri_path)


@pytest.mark.parametrize(
    ("uri_path", "fault"),
    [
        ("", "does not end with /kms/xks/v1"),
        ("/kms/xks/v1/", "does not end with /kms/xks/v1"),
        ("/kms/xks/v2", "does not end with /kms/xks/v1"),
        ("a/kms/xks/v1", "before /kms/xks/v1 must be empty, or a slash"),
        ("//kms/xks/v1", "before /kms/xks/v1 must be empty, or a slash"),
        ("/a.b/kms/xks/v1", "before /kms/xks/v1 must be empty, or a slash"),
        ("/caf\u00e9/kms/xks/v1", "before /kms/xks/v1 must be empty, or a slash"),
        (f"/{'p' * 117}/kms/xks/v1", "has 129 characters, at most 128 are allowed"),
    ],
)
def test_any_other_uri_path_is_refused_with_what_is_wrong(uri_path: str, fault: str) -> None:
    with pytest.raises(XksError, match=fault) as raised:
        validate_uri_path(uri_path)
    assert raised.value.name is XksErrorName.INVALID_URI_PATH


@pytest.mark.parametrize(
    ("key_id", "answer"),
    [
        ("k", True),
        ("A-z_0.9", True),
        ("k" * 128, True),
        ("", False),
        ("k" * 129, False),
        ("a/b", False),
        ("\u00e9", False),
    ],
)
def test_a_key_id_has_1_to_128_of_the_allowed_characters(key_id: str, answer: bool) -> None:
    assert is_external_key_id(key_id) is answer
