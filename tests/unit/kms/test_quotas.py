"""Quotas: what an account may have, how often it may ask, and that nothing is counted unless that is set."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyok.assembly.kms_quotas import request_quotas
from hyok.awsjson.errors import AwsError
from hyok.config.settings import KmsQuotaSettings
from hyok.errors import OperatorError
from hyok.kms.call import Call
from hyok.kms.request_quotas import MANAGEMENT_REQUESTS, RequestQuotas, RequestRates
from hyok.kms.resource_quotas import ResourceQuotas
from tests.unit.kms.running import ACCOUNT, MODEL, OTHER_ACCOUNT, OTHER_REGION, REGION, a_call, running_kms

THROTTLED = (
    "ThrottlingException: You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
)


class Instant:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000_000_000

    def __call__(self) -> int:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += round(seconds * 1_000_000_000)


@pytest.fixture
def instant() -> Instant:
    return Instant()


def admitted(quotas: RequestQuotas, operation: str, *, tried: int = 100, **caller: str) -> int:
    """Return how many of so many calls at once are let through."""
    outcomes = [_outcome(quotas, a_call(operation, **caller)) for _ in range(tried)]
    passed = outcomes.count("")
    assert outcomes.count(THROTTLED) == tried - passed
    return passed


def _outcome(quotas: RequestQuotas, call: Call) -> str:
    try:
        quotas.admit(call)
    except AwsError as error:
        return str(error)
    return ""


def test_each_operation_account_and_region_has_its_own_rate(instant: Instant) -> None:
    quotas = RequestQuotas(RequestRates(by_operation={"CreateKey": 5, "TagResource": 10}), monotonic_ns=instant)
    assert admitted(quotas, "CreateKey") == 5
    assert admitted(quotas, "TagResource") == 10
    assert admitted(quotas, "CreateKey", account=OTHER_ACCOUNT) == 5
    assert admitted(quotas, "CreateKey", region=OTHER_REGION) == 5
    assert admitted(quotas, "DescribeKey") == 100
    instant.pass_seconds(0.4)
    assert admitted(quotas, "CreateKey", account=ACCOUNT, region=REGION) == 2


def test_cryptographic_operations_share_a_rate_and_re_encrypt_counts_twice(instant: Instant) -> None:
    quotas = RequestQuotas(RequestRates(cryptographic=20), monotonic_ns=instant)
    assert admitted(quotas, "Encrypt", tried=8) == 8
    assert admitted(quotas, "ReEncrypt", tried=4) == 4
    assert admitted(quotas, "Decrypt") == 4
    assert admitted(quotas, "DescribeKey") == 100


def test_an_external_key_store_has_a_rate_whoever_uses_it(instant: Instant) -> None:
    quotas = RequestQuotas(RequestRates(by_store=2), monotonic_ns=instant)
    quotas.admit_to_store("cks-1")
    quotas.admit_to_store("cks-1")
    quotas.admit_to_store("cks-2")
    with pytest.raises(AwsError, match="ThrottlingException"):
        quotas.admit_to_store("cks-1")


def test_nothing_is_counted_unless_it_is_set() -> None:
    assert request_quotas(KmsQuotaSettings()) is None
    assert request_quotas(KmsQuotaSettings(requests={"CreateKey": 0})) is None


@pytest.mark.parametrize(
    ("settings", "operation", "rate"),
    [
        (KmsQuotaSettings(management_requests=True), "CreateKey", 5),
        (KmsQuotaSettings(management_requests=True), "PutKeyPolicy", 15),
        (KmsQuotaSettings(management_requests=True, requests={"CreateKey": 7}), "CreateKey", 7),
        (KmsQuotaSettings(management_requests=True, requests={"CreateKey": 0}), "CreateKey", 100),
        (KmsQuotaSettings(requests={"CreateKey": 3}), "CreateKey", 3),
        (KmsQuotaSettings(requests={"CreateKey": 3}), "DisableKey", 100),
        (KmsQuotaSettings(cryptographic_requests=9), "GenerateDataKey", 9),
    ],
)
def test_each_rate_is_switched_by_itself(
    settings: KmsQuotaSettings, operation: str, rate: int, monkeypatch: pytest.MonkeyPatch, instant: Instant
) -> None:
    quotas = request_quotas(settings)
    assert quotas is not None
    monkeypatch.setattr(quotas, "_monotonic_ns", instant)
    assert admitted(quotas, operation) == rate


def test_an_operation_that_there_is_not_is_refused_at_the_start() -> None:
    with pytest.raises(OperatorError, match=r"kms\.quotas\.requests\.MakeKey is no operation of AWS KMS"):
        request_quotas(KmsQuotaSettings(requests={"MakeKey": 5}))


def test_every_rate_is_of_an_operation_that_there_is() -> None:
    assert set(MANAGEMENT_REQUESTS) <= set(MODEL.operations)


def test_a_throttled_call_is_refused_before_anything_is_looked_at(tmp_path: Path, instant: Instant) -> None:
    quotas = RequestQuotas(RequestRates(by_operation={"CreateKey": 1}), monotonic_ns=instant)
    with running_kms(tmp_path, request_quotas=quotas) as kms:
        kms.create_key()
        with pytest.raises(AwsError) as raised:
            kms.call("CreateKey", {"Origin": "NONE SUCH"})
        assert str(raised.value) == THROTTLED


def test_an_account_has_so_many_keys_and_no_more(tmp_path: Path) -> None:
    with running_kms(tmp_path, resource_quotas=ResourceQuotas(keys=2)) as kms:
        kms.create_key()
        pending = kms.create_key()
        kms.call("ScheduleKeyDeletion", {"KeyId": pending})
        with pytest.raises(AwsError, match=r"LimitExceededException: .* has 2 KMS keys in this Region; the quota is 2"):
            kms.create_key()
        kms.call("CreateKey", {}, region=OTHER_REGION)
        kms.call("CreateKey", {}, account=OTHER_ACCOUNT)


def test_a_quota_of_0_is_none(tmp_path: Path) -> None:
    with running_kms(tmp_path, resource_quotas=ResourceQuotas(keys=0, aliases_per_key=0)) as kms:
        arn = kms.create_key()
        for number in range(ResourceQuotas().aliases_per_key + 1):
            kms.call("CreateAlias", {"AliasName": f"alias/{number}", "TargetKeyId": arn})
