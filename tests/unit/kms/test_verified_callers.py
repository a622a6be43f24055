"""Callers by their signature: SDKs sign, the service verifies what was received and believes nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from hyok.kms.caller import Caller, IdentificationFailure, UnidentifiedCallerError
from hyok.kms.identities import FULL_ACCESS
from hyok.kms.principals import IdentityPolicy, Principals, StoredPrincipal, make_principal
from hyok.kms.verified_callers import StalePrincipalsError, VerifiedCallers
from hyok.secret import Secret
from hyok.sigv4.signing import SigningKeys, sign
from hyok.transport.messages import HttpRequest
from tests.unit.kms.running import ACCOUNT, PEER, REGION
from tests.unit.storage.fixtures import SetClock

KEY_ID = "HYOKABCDEFGHIJKLMNOP"
SECRET = Secret(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
USER = f"arn:aws:iam::{ACCOUNT}:user/backup"
POLICY = IdentityPolicy("p", '{"Statement": [{"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*"}]}')
NOW = 1_700_000_000.0


def callers(arn: str = USER, *, now: float = NOW, is_stale: bool = False) -> VerifiedCallers:
    principals = Principals()
    stored = StoredPrincipal(KEY_ID, arn, (POLICY,), {"team": "red"}, 1.0)
    principals.replace({KEY_ID: make_principal(stored, SigningKeys(SECRET))})
    return VerifiedCallers(principals, clock=SetClock(now), is_stale=lambda: is_stale)


def signed(
    *,
    access_key_id: str = KEY_ID,
    secret: Secret = SECRET,
    region: str = REGION,
    service: str = "kms",
    headers: Mapping[bytes, bytes] | None = None,
    unsigned: Mapping[bytes, bytes] | None = None,
    body: bytes = b"{}",
) -> HttpRequest:
    """A request as an SDK sends it."""
    given = {b"host": b"kms:4580", b"content-type": b"application/x-amz-json-1.1", **(headers or {})}
    if headers is None:
        given[b"x-amz-target"] = b"TrentService.ListKeys"
    made = dict(
        sign(
            method=b"POST",
            target=b"/",
            headers=tuple(given.items()),
            body=body,
            access_key_id=access_key_id,
            secret=secret,
            region=region,
            service=service,
            now=NOW,
        )
    )
    request = HttpRequest(PEER)
    request.method, request.target, request.host, request.body = b"POST", b"/", given[b"host"], body
    request.amz_date, request.authorization = made[b"x-amz-date"], made[b"authorization"]
    request.headers = [*given.items(), *made.items(), *(unsigned or {}).items()]
    return request


def refusal(request: HttpRequest, **more: float) -> IdentificationFailure:
    with pytest.raises(UnidentifiedCallerError) as caught:
        callers(**more).identify(request)  # type: ignore[arg-type]  # mypy cannot tell `now` from `arn`
    return caught.value.failure


def test_a_right_signature_tells_who_calls_where_and_with_which_rights() -> None:
    caller = callers().identify(signed())
    assert caller == Caller(ACCOUNT, REGION, USER, KEY_ID, caller.identity)
    assert caller.identity.policies is not None
    assert caller.identity.tags == {"team": "red"}


def test_one_principal_is_always_the_same_identity() -> None:
    known = callers()
    assert known.identify(signed()).identity is known.identify(signed(region="eu-west-1")).identity


def test_a_root_user_has_all_rights() -> None:
    caller = callers(f"arn:aws:iam::{ACCOUNT}:root").identify(signed())
    assert caller.identity is FULL_ACCESS
    assert caller.user_id == ACCOUNT


def test_sts_is_asked_with_a_signature_of_its_own() -> None:
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    request = signed(service="sts", headers={b"content-type": b"application/x-www-form-urlencoded"}, body=body)
    assert callers().identify(request).principal_arn == USER


@pytest.mark.parametrize(
    ("request_", "failure"),
    [
        (signed(access_key_id="HYOKUNKNOWN"), IdentificationFailure.UNKNOWN_ACCESS_KEY),
        (signed(secret=Secret(b"another")), IdentificationFailure.SIGNATURE_MISMATCH),
        (signed(unsigned={b"x-amz-security-token": b"t"}), IdentificationFailure.UNKNOWN_ACCESS_KEY),
        (signed(service="s3"), IdentificationFailure.WRONG_SERVICE),
        (signed(region="Frankfurt"), IdentificationFailure.INVALID_REGION),
        (
            signed(headers={}, unsigned={b"x-amz-target": b"TrentService.ListKeys"}),
            IdentificationFailure.UNREADABLE_SIGNATURE,
        ),
    ],
    ids=["unknown key", "wrong secret", "session token", "other service", "no Region", "target unsigned"],
)
def test_what_is_not_signed_by_a_principal_is_refused(request_: HttpRequest, failure: IdentificationFailure) -> None:
    assert refusal(request_) is failure


def test_a_changed_request_is_refused() -> None:
    other_body = signed()
    other_body.body = b'{"Limit": 1}'
    other_target = signed()
    other_target.headers[2] = (b"x-amz-target", b"TrentService.CreateKey")
    other_host = signed()
    other_host.host = b"elsewhere"
    for request in (other_body, other_target, other_host):
        assert refusal(request) is IdentificationFailure.SIGNATURE_MISMATCH


def test_a_request_is_fresh_for_five_minutes_either_way() -> None:
    for offset in (-300, 300):
        assert callers(now=NOW + offset).identify(signed()).account == ACCOUNT
    assert refusal(signed(), now=NOW + 301) is IdentificationFailure.EXPIRED
    assert refusal(signed(), now=NOW - 301) is IdentificationFailure.NOT_YET_CURRENT


def test_no_signature_and_no_sense_are_told_apart() -> None:
    unsigned, nonsense = signed(), signed()
    unsigned.authorization = b""
    nonsense.authorization = b"Basic x"
    assert refusal(unsigned) is IdentificationFailure.UNSIGNED
    assert refusal(nonsense) is IdentificationFailure.UNREADABLE_SIGNATURE


def test_nobody_is_let_in_while_deletions_could_go_unseen() -> None:
    with pytest.raises(StalePrincipalsError):
        callers(is_stale=True).identify(signed())


def test_every_failure_has_a_text_and_none_a_secret() -> None:
    texts = [failure.value for failure in IdentificationFailure]
    assert len(set(texts)) == len(texts)
    assert SECRET.reveal().decode() not in json.dumps(texts)
