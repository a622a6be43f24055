from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from hyok.xks.integrity import integrity_value

SAMPLE = Path(__file__).parents[2] / "vectors" / "aws-sample-proxy.json"
CASES: list[dict[str, Any]] = json.loads(SAMPLE.read_text())["cases"]


def test_the_specifications_worked_example() -> None:
    value = integrity_value(
        aad=b"project=nile,department=marketing",
        ciphertext_metadata=b"key_version=1",
        iv=bytes.fromhex("1ccae5470f39700254779031"),
        ciphertext=bytes.fromhex("821c642b5b71783367deaf18"),
        tag=bytes.fromhex("bc1c4dda7707d6812447c5955e99b261"),
    )
    assert base64.b64encode(value) == b"qHA/ImC9h5HsLRXqCyPmWgYx7tzyoTplzILbP0fPXsc="


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['aad']} aad, metadata {case['static_metadata']}")
def test_the_value_is_that_of_awss_sample_proxy(case: dict[str, Any]) -> None:
    request, response = case["encrypt_request"], case["encrypt_response"]

    def part(source: dict[str, str], name: str) -> bytes:
        return base64.b64decode(source.get(name, ""))

    value = integrity_value(
        part(request, "additionalAuthenticatedData"),
        part(response, "ciphertextMetadata"),
        part(response, "initializationVector"),
        part(response, "ciphertext"),
        part(response, "authenticationTag"),
    )
    assert value == part(response, "ciphertextDataIntegrityValue")


def test_all_sixteen_cases_are_there() -> None:
    assert len(CASES) == 16
