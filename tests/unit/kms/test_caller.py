from __future__ import annotations

import pytest

from hyok.kms.caller import AnyCredentials, Caller, IdentificationFailure, UnidentifiedCallerError
from tests.unit.kms.running import ACCOUNT, OTHER_ACCOUNT, OTHER_REGION, REGION, authorization, http_request

IDENTIFICATION = AnyCredentials(account=ACCOUNT, region=REGION)


def identify(value: bytes) -> Caller:
    return IDENTIFICATION.identify(http_request(authorization=value))


def failure(value: bytes) -> IdentificationFailure:
    with pytest.raises(UnidentifiedCallerError) as raised:
        identify(value)
    return raised.value.failure


def test_an_access_key_id_of_twelve_digits_is_that_account_s_root() -> None:
    assert identify(authorization(OTHER_ACCOUNT)) == Caller(
        OTHER_ACCOUNT, REGION, f"arn:aws:iam::{OTHER_ACCOUNT}:root", OTHER_ACCOUNT
    )


def test_any_other_access_key_id_is_a_user_of_the_default_account() -> None:
    assert identify(authorization("AKIAIOSFODNN7EXAMPLE")) == Caller(
        ACCOUNT, REGION, f"arn:aws:iam::{ACCOUNT}:user/AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"
    )


def test_the_region_is_the_credential_scope_s() -> None:
    assert identify(authorization(region=OTHER_REGION)).region == OTHER_REGION
    assert identify(authorization(region="cn-north-1")).principal_arn == f"arn:aws-cn:iam::{ACCOUNT}:root"


def test_an_unsigned_request_is_refused_unless_that_is_allowed() -> None:
    assert failure(b"") is IdentificationFailure.UNSIGNED
    lenient = AnyCredentials(account=ACCOUNT, region=REGION, allow_unsigned=True)
    assert lenient.identify(http_request()).account == ACCOUNT
    assert lenient.identify(http_request()).region == REGION


@pytest.mark.parametrize("value", [b"Bearer token", b"AWS4-HMAC-SHA256 Credential=x", authorization() + b"; x"])
def test_an_authorization_that_is_not_sigv4_is_refused(value: bytes) -> None:
    assert failure(value) is IdentificationFailure.UNREADABLE_SIGNATURE


@pytest.mark.parametrize("region", ["EU", "eu central", "x" * 33])
def test_an_impossible_region_is_refused(region: str) -> None:
    assert failure(authorization(region=region)) is IdentificationFailure.INVALID_REGION


@pytest.mark.parametrize("access_key_id", ["<script>", "a:b", "x" * 129])
def test_an_impossible_access_key_id_is_refused(access_key_id: str) -> None:
    assert failure(authorization(access_key_id)) is IdentificationFailure.UNKNOWN_ACCESS_KEY
