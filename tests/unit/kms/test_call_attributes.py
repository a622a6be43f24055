"""Attributes that a test gives a call by headers: where they reach, and that nobody else can give any."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hyok.clock import SystemClock
from hyok.kms.call import Call
from hyok.kms.call_attributes import GivenAttributes
from hyok.kms.events.calls import Events
from hyok.kms.external_keys import _request_metadata
from tests.unit.kms.events.test_events_of_calls import Kept
from tests.unit.kms.running import ACCOUNT, OTHER_ACCOUNT, RunningKms, a_call, running_kms, signed_request

SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/session-1"


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def kms(tmp_path: Path, kept: Kept) -> Iterator[RunningKms]:
    with running_kms(tmp_path, events=Events(kept, SystemClock()), attributes=GivenAttributes()) as kms:
        kms.add_store()
        yield kms


def ask(kms: RunningKms, operation: str, request: dict[str, object], **attributes: str) -> tuple[int, dict[str, Any]]:
    """Return status and document of a call with these test attributes."""
    asked = signed_request(operation, request)
    for name, value in attributes.items():
        asked.headers.append((f"x-hyok-test-{name.replace('_', '-')}".encode(), value.encode()))
    response = kms.answer(asked)
    return response.status, json.loads(response.body or b"{}")


def only_if(kms: RunningKms, condition: dict[str, dict[str, str]]) -> str:
    """Make a key that can be used to encrypt only under a condition."""
    arn = kms.create_key()
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    statements = [
        {"Effect": "Allow", "Principal": root, "Action": "kms:PutKeyPolicy", "Resource": "*"},
        {
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "kms:Encrypt",
            "Resource": "*",
            "Condition": condition,
        },
    ]
    kms.call("PutKeyPolicy", {"KeyId": arn, "Policy": json.dumps({"Version": "2012-10-17", "Statement": statements})})
    return arn


@pytest.mark.parametrize(
    ("condition", "attribute", "fits", "other"),
    [
        ("kms:ViaService", "via_service", "s3.eu-central-1.amazonaws.com", "ebs.eu-central-1.amazonaws.com"),
        ("aws:SourceVpc", "source_vpc", "vpc-0a1b2c3d", "vpc-9"),
        ("aws:SourceVpce", "source_vpce", "vpce-0a1b2c3d", "vpce-9"),
        ("aws:SourceArn", "source_arn", "arn:aws:s3:::bucket", "arn:aws:s3:::other"),
        ("aws:SourceIp", "source_ip", "192.0.2.7", "192.0.2.8"),
        ("aws:PrincipalArn", "principal_arn", SESSION, f"arn:aws:iam::{ACCOUNT}:user/eve"),
        ("aws:PrincipalTag/team", "principal_tags", "cost=1,team=storage", "team=network"),
    ],
)
def test_an_attribute_reaches_the_policies(
    kms: RunningKms, condition: str, attribute: str, fits: str, other: str
) -> None:
    operator = "IpAddress" if condition == "aws:SourceIp" else "StringEquals"
    wanted = {"team=storage": "storage", SESSION: f"arn:aws:iam::{ACCOUNT}:role/app"}.get(
        fits.rpartition(",")[2] if attribute == "principal_tags" else fits, fits
    )
    arn = only_if(kms, {operator: {condition: wanted}})
    request: dict[str, object] = {"KeyId": arn, "Plaintext": "YQ=="}
    assert ask(kms, "Encrypt", request)[0] == 400
    assert ask(kms, "Encrypt", request, **{attribute: other})[0] == 400
    status, document = ask(kms, "Encrypt", request, **{attribute: fits})
    assert status == 200, document


def test_attributes_are_in_the_event(kms: RunningKms, kept: Kept) -> None:
    ask(
        kms,
        "ListKeys",
        {},
        principal_arn=SESSION,
        via_service="s3.eu-central-1.amazonaws.com",
        source_vpce="vpce-0a1b2c3d",
    )
    (event,) = kept.take()
    assert event["userIdentity"]["arn"] == SESSION
    assert event["userIdentity"]["invokedBy"] == event["sourceIPAddress"] == event["userAgent"] == "s3.amazonaws.com"
    assert event["vpcEndpointId"] == "vpce-0a1b2c3d"


def test_attributes_are_told_to_the_proxy() -> None:
    asked = signed_request("Encrypt", {})
    for name, value in (("via-service", "a.b.amazonaws.com"), ("source-vpc", "vpc-1"), ("source-vpce", "vpce-1")):
        asked.headers.append((f"x-hyok-test-{name}".encode(), value.encode()))
    asked.headers.append((b"x-hyok-test-principal-arn", SESSION.encode()))
    call: Call = GivenAttributes().applied_to(a_call("Encrypt"), asked)
    metadata = _request_metadata(call, "arn:aws:kms:…")
    assert metadata.aws_principal_arn == SESSION
    assert (metadata.aws_source_vpc, metadata.aws_source_vpce) == ("vpc-1", "vpce-1")
    assert metadata.kms_via_service == "a.b.amazonaws.com"


def test_a_principal_of_another_account_calls_from_that_account(kms: RunningKms, kept: Kept) -> None:
    ask(kms, "ListKeys", {}, principal_arn=f"arn:aws:iam::{OTHER_ACCOUNT}:user/eve")
    assert kept.events[0].account == OTHER_ACCOUNT


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("via_service", "S3"),
        ("source_vpc", "vpce-1"),
        ("source_ip", "::1]; drop"),
        ("principal_arn", "eve"),
        ("principal_tags", "team"),
    ],
)
def test_an_attribute_that_makes_no_sense_is_refused(kms: RunningKms, attribute: str, value: str) -> None:
    status, document = ask(kms, "ListKeys", {}, **{attribute: value})
    assert (status, document["__type"]) == (400, "ValidationException")
    assert f"x-hyok-test-{attribute.replace('_', '-')} must be" in document["message"]


def test_an_attribute_that_there_is_not_is_refused_with_those_there_are(kms: RunningKms) -> None:
    _, document = ask(kms, "ListKeys", {}, via_servise="x")
    assert "'via-servise'; after x-hyok-test- there are: via-service, source-vpc," in document["message"]


def test_without_leave_the_headers_mean_nothing(tmp_path: Path) -> None:
    with running_kms(tmp_path) as kms:
        arn = only_if(kms, {"StringEquals": {"aws:SourceVpc": "vpc-0a1b2c3d"}})
        assert ask(kms, "Encrypt", {"KeyId": arn, "Plaintext": "YQ=="}, source_vpc="vpc-0a1b2c3d")[0] == 400
