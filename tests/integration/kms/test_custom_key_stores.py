"""CreateCustomKeyStore, DescribeCustomKeyStores, UpdateCustomKeyStore and DeleteCustomKeyStore as clients see them."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from hyok.awsjson.errors import AwsError
from tests.integration.kms.misbehaving_proxy import MisbehavingProxy, error
from tests.integration.kms.rig import HOST, NEW_STORE, SECRET, Rig
from tests.unit.kms.running import OTHER_ACCOUNT, OTHER_REGION

SERVICE = "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0"
IN_VPC = {"XksProxyConnectivity": "VPC_ENDPOINT_SERVICE", "XksProxyVpcEndpointServiceName": SERVICE}
OTHER = {"CustomKeyStoreName": "other", "XksProxyUriPath": "/other/kms/xks/v1"}
OTHER_CREDENTIAL = {"AccessKeyId": "ZZZZZZZZZZZZZZZZZZZZ", "RawSecretAccessKey": "A" * 43}


def refusal(rig: Rig, operation: str, **request: object) -> str:
    with pytest.raises(AwsError) as raised:
        rig.call(operation, **request)
    return raised.value.code


def creation_refused(rig: Rig, **changed: object) -> str:
    return refusal(rig, "CreateCustomKeyStore", **{**NEW_STORE, **changed})


def update_refused(rig: Rig, store_id: str, **changed: object) -> str:
    return refusal(rig, "UpdateCustomKeyStore", CustomKeyStoreId=store_id, **changed)


def listed(rig: Rig, **request: object) -> list[str]:
    return [entry["CustomKeyStoreId"] for entry in rig.call("DescribeCustomKeyStores", **request)["CustomKeyStores"]]


# CreateCustomKeyStore


def test_a_new_store_is_described_as_it_was_created(rig: Rig) -> None:
    store_id = rig.create_store()
    entry = rig.describe(store_id)
    assert abs(entry.pop("CreationDate") - time.time()) < 60
    assert entry == {
        "CustomKeyStoreId": store_id,
        "CustomKeyStoreName": "held",
        "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
        "ConnectionState": "DISCONNECTED",
        "XksProxyConfiguration": {
            "Connectivity": "PUBLIC_ENDPOINT",
            "AccessKeyId": "ABCDEFGHIJKLMNOPQRST",
            "UriEndpoint": f"https://{HOST}",
            "UriPath": "/held/kms/xks/v1",
        },
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"XksProxyUriEndpoint": "https://xks.hyok.test:8443"},
        {"XksProxyUriEndpoint": "http://xks.hyok.test"},
        {"XksProxyUriEndpoint": "https://127.0.0.1"},
        {"XksProxyUriPath": "/held/kms/xks"},
        {"XksProxyConnectivity": "PIGEON"},
        {"XksProxyAuthenticationCredential": {"AccessKeyId": "abc", "RawSecretAccessKey": SECRET}},
        {"XksProxyAuthenticationCredential": None},
        {"CustomKeyStoreName": ""},
        {"XksProxyVpcEndpointServiceName": SERVICE},
        {"CloudHsmClusterId": "cluster-2a34b5cdefg"},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_before_the_proxy_is_asked(
    rig: Rig, proxy: MisbehavingProxy, wrong: dict[str, object]
) -> None:
    assert creation_refused(rig, **wrong) == "ValidationException"
    assert proxy.asked == []


def test_a_wrong_secret_is_not_echoed(rig: Rig) -> None:
    with pytest.raises(AwsError) as raised:
        rig.create_store(XksProxyAuthenticationCredential={"AccessKeyId": "A" * 20, "RawSecretAccessKey": "!" * 43})
    assert "!!!" not in str(raised.value)


def test_a_cloudhsm_key_store_finds_no_cluster(rig: Rig) -> None:
    request = {"CustomKeyStoreName": "hsm", "CloudHsmClusterId": "cluster-2a34b5cdefg", "KeyStorePassword": "hunter22"}
    assert refusal(rig, "CreateCustomKeyStore", **request) == "CloudHsmClusterNotFoundException"


def test_there_are_ten_stores_at_most_whatever_their_type(rig: Rig, proxy: MisbehavingProxy) -> None:
    for number in range(10):
        rig.create_store(CustomKeyStoreName=str(number), XksProxyUriPath=f"/{number}/kms/xks/v1")
    asked = len(proxy.asked)
    assert creation_refused(rig, CustomKeyStoreName="0") == "LimitExceededException"
    assert len(proxy.asked) == asked
    request = {**NEW_STORE, "XksProxyUriPath": "/elsewhere/kms/xks/v1"}
    assert rig.run(rig.ask("CreateCustomKeyStore", request, region=OTHER_REGION))
    assert rig.run(rig.ask("CreateCustomKeyStore", request, account=OTHER_ACCOUNT))


def test_what_is_wrong_with_a_new_store_is_told_one_by_one_in_order(rig: Rig, proxy: MisbehavingProxy) -> None:
    for number in range(10):
        rig.create_store(CustomKeyStoreName=str(number), XksProxyUriPath=f"/{number}/kms/xks/v1")
    asked = len(proxy.asked)
    proxy.script["GetHealthStatus"] = error("AuthenticationFailedException", 401)
    wrong: dict[str, object] = {
        "CustomKeyStoreName": "0",
        "XksProxyUriPath": "/1/kms/xks/v1",
        "XksProxyConnectivity": "PIGEON",
    }
    assert creation_refused(rig, **wrong) == "ValidationException"
    del wrong["XksProxyConnectivity"]
    assert creation_refused(rig, **wrong) == "LimitExceededException"
    rig.call("DeleteCustomKeyStore", CustomKeyStoreId=listed(rig, CustomKeyStoreName="9")[0])
    assert creation_refused(rig, **wrong) == "CustomKeyStoreNameInUseException"
    wrong["CustomKeyStoreName"] = "new"
    assert creation_refused(rig, **wrong) == "XksProxyUriInUseException"
    assert len(proxy.asked) == asked, "the proxy is asked when nothing else is wrong"
    wrong["XksProxyUriPath"] = "/new/kms/xks/v1"
    assert creation_refused(rig, **wrong) == "XksProxyIncorrectAuthenticationCredentialException"
    assert len(proxy.asked) == asked + 1
    proxy.script.clear()
    rig.create_store(**wrong)


def test_each_store_has_its_name_and_its_uri_to_itself(rig: Rig) -> None:
    rig.create_store()
    assert creation_refused(rig, XksProxyUriPath="/x/kms/xks/v1") == "CustomKeyStoreNameInUseException"
    assert creation_refused(rig, CustomKeyStoreName="x") == "XksProxyUriInUseException"
    assert creation_refused(rig, **OTHER, **IN_VPC) == "XksProxyUriEndpointInUseException"
    rig.create_store(CustomKeyStoreName="fourth", XksProxyUriPath="/fourth/kms/xks/v1")


def test_of_two_that_come_at_once_one_gets_the_name(rig: Rig) -> None:
    async def create_both() -> list[dict[str, Any] | BaseException]:
        requests = [{**NEW_STORE, "XksProxyUriPath": f"/{number}/kms/xks/v1"} for number in range(2)]
        creations = (rig.ask("CreateCustomKeyStore", request) for request in requests)
        return await asyncio.gather(*creations, return_exceptions=True)

    outcomes = rig.run(create_both())
    refused = [outcome for outcome in outcomes if isinstance(outcome, AwsError)]
    assert [each.code for each in refused] == ["CustomKeyStoreNameInUseException"]
    assert len(listed(rig)) == 1


# DescribeCustomKeyStores


def test_stores_are_listed_in_pages(rig: Rig) -> None:
    created = {
        rig.create_store(CustomKeyStoreName=str(number), XksProxyUriPath=f"/{number}/kms/xks/v1") for number in range(5)
    }
    first = rig.call("DescribeCustomKeyStores", Limit=3)
    assert first["Truncated"] is True
    second = rig.call("DescribeCustomKeyStores", Limit=3, Marker=first["NextMarker"])
    assert second["Truncated"] is False
    assert "NextMarker" not in second
    found = [entry["CustomKeyStoreId"] for entry in first["CustomKeyStores"] + second["CustomKeyStores"]]
    assert len(found) == 5
    assert set(found) == created


def test_a_marker_that_no_page_gave_is_invalid(rig: Rig) -> None:
    assert refusal(rig, "DescribeCustomKeyStores", Marker="no marker") == "InvalidMarkerException"


def test_one_store_is_found_by_its_name_or_its_id_but_not_by_both(rig: Rig) -> None:
    store_id = rig.create_store()
    assert listed(rig, CustomKeyStoreName="held") == listed(rig, CustomKeyStoreId=store_id) == [store_id]
    both = {"CustomKeyStoreName": "held", "CustomKeyStoreId": store_id}
    assert refusal(rig, "DescribeCustomKeyStores", **both) == "ValidationException"


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("DescribeCustomKeyStores", {"CustomKeyStoreId": "cks-0"}),
        ("DescribeCustomKeyStores", {"CustomKeyStoreName": "nobody"}),
        ("ConnectCustomKeyStore", {"CustomKeyStoreId": "cks-0"}),
        ("DisconnectCustomKeyStore", {"CustomKeyStoreId": "cks-0"}),
        ("UpdateCustomKeyStore", {"CustomKeyStoreId": "cks-0", "NewCustomKeyStoreName": "x"}),
        ("DeleteCustomKeyStore", {"CustomKeyStoreId": "cks-0"}),
        ("CreateKey", {"CustomKeyStoreId": "cks-0", "XksKeyId": "key-1", "Origin": "EXTERNAL_KEY_STORE"}),
    ],
    ids=str,
)
def test_a_store_that_is_not_there_is_not_found(rig: Rig, operation: str, request_: dict[str, object]) -> None:
    assert refusal(rig, operation, **request_) == "CustomKeyStoreNotFoundException"


def test_a_store_of_another_account_does_not_exist(rig: Rig) -> None:
    store_id = rig.create_store()
    with pytest.raises(AwsError, match="CustomKeyStoreNotFoundException"):
        rig.run(rig.ask("DeleteCustomKeyStore", {"CustomKeyStoreId": store_id}, account=OTHER_ACCOUNT))
    assert rig.run(rig.ask("DescribeCustomKeyStores", {}, account=OTHER_ACCOUNT))["CustomKeyStores"] == []


# UpdateCustomKeyStore


def test_a_new_name_is_the_proxys_business_in_no_state(rig: Rig, proxy: MisbehavingProxy) -> None:
    store_id = rig.create_connected_store()
    proxy.script["GetHealthStatus"] = error("InternalException", 500)
    assert rig.call("UpdateCustomKeyStore", CustomKeyStoreId=store_id, NewCustomKeyStoreName="renamed") == {}
    assert rig.describe(store_id)["CustomKeyStoreName"] == "renamed"


def test_a_new_credential_and_path_are_tried_and_then_used_by_a_connected_store(
    rig: Rig, proxy: MisbehavingProxy
) -> None:
    store_id = rig.create_connected_store()
    key = rig.create_key(store_id)
    changed = {"XksProxyAuthenticationCredential": OTHER_CREDENTIAL, "XksProxyUriPath": "/new/kms/xks/v1"}
    rig.call("UpdateCustomKeyStore", CustomKeyStoreId=store_id, **changed)
    rig.call("Encrypt", KeyId=key, Plaintext=b"4711")
    tried, used = proxy.asked[-2:]
    assert tried.body["requestMetadata"]["kmsOperation"] == "UpdateCustomKeyStore"
    assert (tried.path, used.path) == ("/new/kms/xks/v1/health", "/new/kms/xks/v1/keys/key-1/encrypt")
    assert b"Credential=ZZZZZZZZZZZZZZZZZZZZ/" in tried.head
    assert b"Credential=ZZZZZZZZZZZZZZZZZZZZ/" in used.head
    assert rig.describe(store_id)["ConnectionState"] == "CONNECTED"


@pytest.mark.parametrize(
    "changed",
    [{"XksProxyUriEndpoint": "https://other.hyok.test"}, {"XksProxyConnectivity": "PUBLIC_ENDPOINT"}],
    ids=["endpoint", "connectivity"],
)
def test_where_a_connected_store_goes_cannot_be_changed(rig: Rig, changed: dict[str, object]) -> None:
    store_id = rig.create_connected_store()
    assert update_refused(rig, store_id, **changed) == "CustomKeyStoreInvalidStateException"


def test_a_disconnected_store_moves_to_another_endpoint(rig: Rig, proxy: MisbehavingProxy) -> None:
    store_id = rig.create_store()
    rig.call("UpdateCustomKeyStore", CustomKeyStoreId=store_id, XksProxyUriEndpoint="https://other.hyok.test")
    assert b"host: other.hyok.test\r\n" in proxy.asked[-1].head.lower()
    assert rig.describe(store_id)["XksProxyConfiguration"]["UriEndpoint"] == "https://other.hyok.test"
    rig.call("ConnectCustomKeyStore", CustomKeyStoreId=store_id)
    assert rig.settled(store_id)["ConnectionState"] == "CONNECTED"


def test_a_store_moves_to_a_vpc_endpoint_service_only_if_that_is_found(rig: Rig) -> None:
    store_id = rig.create_store()
    moved = {**IN_VPC, "XksProxyUriEndpoint": "https://vpc.hyok.test"}
    assert update_refused(rig, store_id, **moved) == "XksProxyVpcEndpointServiceNotFoundException"


def test_an_update_needs_a_property_that_external_key_stores_have(rig: Rig) -> None:
    store_id = rig.create_store()
    assert update_refused(rig, store_id) == "ValidationException"
    assert update_refused(rig, store_id, KeyStorePassword="hunter22") == "ValidationException"
    assert update_refused(rig, store_id, XksProxyConnectivity="VPC_ENDPOINT_SERVICE") == "ValidationException"


def test_an_update_takes_nothing_from_another_store(rig: Rig) -> None:
    rig.create_store()
    store_id = rig.create_store(**OTHER)
    taken = update_refused(rig, store_id, NewCustomKeyStoreName="held")
    assert taken == "CustomKeyStoreNameInUseException"
    taken = update_refused(rig, store_id, XksProxyUriPath="/held/kms/xks/v1")
    assert taken == "XksProxyUriInUseException"


# DeleteCustomKeyStore


def test_a_deleted_store_is_gone_and_its_name_is_free(rig: Rig, proxy: MisbehavingProxy) -> None:
    store_id = rig.create_store()
    asked = len(proxy.asked)
    assert rig.call("DeleteCustomKeyStore", CustomKeyStoreId=store_id) == {}
    assert len(proxy.asked) == asked
    assert refusal(rig, "DescribeCustomKeyStores", CustomKeyStoreId=store_id) == "CustomKeyStoreNotFoundException"
    assert rig.create_store()


def test_a_store_is_deleted_only_when_it_is_disconnected(rig: Rig) -> None:
    store_id = rig.create_connected_store()
    assert refusal(rig, "DeleteCustomKeyStore", CustomKeyStoreId=store_id) == "CustomKeyStoreInvalidStateException"


def test_a_store_with_keys_is_not_deleted_even_if_they_wait_for_their_deletion(rig: Rig) -> None:
    store_id = rig.create_connected_store()
    rig.call("ScheduleKeyDeletion", KeyId=rig.create_key(store_id), PendingWindowInDays=7)
    rig.call("DisconnectCustomKeyStore", CustomKeyStoreId=store_id)
    rig.settled(store_id)
    assert refusal(rig, "DeleteCustomKeyStore", CustomKeyStoreId=store_id) == "CustomKeyStoreHasCMKsException"


# The secret


def test_the_secret_is_neither_described_nor_stored_in_the_clear_nor_logged(
    rig: Rig, tmp_path: Path, proxy: MisbehavingProxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    store_id = rig.create_connected_store()
    proxy.script["GetHealthStatus"] = error("AuthenticationFailedException", 401)
    assert creation_refused(rig, **OTHER) == "XksProxyIncorrectAuthenticationCredentialException"
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"ABCDEFGHIJKLMNOPQRST" in files
    assert SECRET.encode() not in files
    shown = json.dumps(rig.describe(store_id)) + repr(rig.stores.get(store_id)) + caplog.text
    assert SECRET not in shown
