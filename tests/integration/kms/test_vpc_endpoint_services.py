"""External key stores behind VPC endpoint services: what KMS demands of one, when it asks, and the way through it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from hyok.awsjson.errors import AwsError
from hyok.kms.connection_state import ConnectionErrorCode
from hyok.kms.external_failures import CONSEQUENCES
from hyok.kms.vpc_endpoint_services import EndpointService, LoadBalancer, PrivateDnsState
from hyok.transport.sockets import Address
from tests.integration.kms.misbehaving_proxy import MisbehavingProxy, error
from tests.integration.kms.rig import HOST, NEW_STORE, Rig
from tests.unit.kms.running import ACCOUNT

PRIVATE = "other.hyok.test"
NAME = "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0"
IN_VPC: dict[str, object] = {
    "XksProxyConnectivity": "VPC_ENDPOINT_SERVICE",
    "XksProxyUriEndpoint": f"https://{PRIVATE}",
    "XksProxyVpcEndpointServiceName": NAME,
}
NEW: dict[str, object] = dict(NEW_STORE)
NOT_FOUND = "XksProxyVpcEndpointServiceNotFoundException"
INVALID = "XksProxyVpcEndpointServiceInvalidConfigurationException"
UNROUTED = Address("255.255.255.255", 443)
"""TCP to a broadcast address: the kernel itself refuses, ENETUNREACH, on every machine."""


def a_service(port: int) -> EndpointService:
    """One that is as KMS needs it, before the proxy at this port."""
    return EndpointService(
        name=NAME,
        owner=ACCOUNT,
        allowed_principals=None,
        is_acceptance_required=False,
        load_balancer=LoadBalancer.NETWORK,
        availability_zones=2,
        private_dns_name=PRIVATE,
        private_dns_state=PrivateDnsState.VERIFIED,
        address=Address("127.0.0.1", port),
    )


@contextmanager
def a_rig(
    directory: Path, runner: asyncio.Runner, authority: trustme.CA, proxy: MisbehavingProxy, *services: EndpointService
) -> Iterator[Rig]:
    # The private DNS name is in no map: the only way to it is through the service.
    rig = Rig(directory, runner, authority=authority, ports={HOST: proxy.port}, services=services)
    try:
        yield rig
    finally:
        rig.close()


@pytest.fixture
def rig(tmp_path: Path, runner: asyncio.Runner, authority: trustme.CA, proxy: MisbehavingProxy) -> Iterator[Rig]:
    with a_rig(tmp_path, runner, authority, proxy, a_service(proxy.port)) as rig:
        yield rig


def refusal(rig: Rig, operation: str, **request: object) -> tuple[str, str | None]:
    with pytest.raises(AwsError) as raised:
        rig.call(operation, **request)
    return raised.value.code, raised.value.message


def connected(rig: Rig, store_id: str) -> tuple[str, str | None]:
    rig.call("ConnectCustomKeyStore", CustomKeyStoreId=store_id)
    entry = rig.settled(store_id)
    return entry["ConnectionState"], entry.get("ConnectionErrorCode")


def test_a_store_connects_through_its_service_under_the_private_dns_name(rig: Rig, proxy: MisbehavingProxy) -> None:
    store_id = rig.create_store(**IN_VPC)
    assert proxy.asked == []  # not probed before it connects
    assert connected(rig, store_id) == ("CONNECTED", None)
    blob = rig.call("Encrypt", KeyId=rig.create_key(store_id), Plaintext=b"4711")["CiphertextBlob"]
    assert rig.call("Decrypt", CiphertextBlob=blob)["Plaintext"] == b"4711"
    assert all(f"host: {PRIVATE}\r\n".encode() in asked.head.lower() for asked in proxy.asked)
    assert rig.describe(store_id)["XksProxyConfiguration"] == {
        "Connectivity": "VPC_ENDPOINT_SERVICE",
        "AccessKeyId": "ABCDEFGHIJKLMNOPQRST",
        "UriEndpoint": f"https://{PRIVATE}",
        "UriPath": "/held/kms/xks/v1",
        "VpcEndpointServiceName": NAME,
        "VpcEndpointServiceOwner": ACCOUNT,
    }


def test_the_certificate_must_be_of_the_private_dns_name(
    tmp_path: Path, runner: asyncio.Runner, authority: trustme.CA, proxy: MisbehavingProxy
) -> None:
    service = replace(a_service(proxy.port), private_dns_name="vpc.hyok.test")
    with a_rig(tmp_path, runner, authority, proxy, service) as rig:
        store_id = rig.create_store(**{**IN_VPC, "XksProxyUriEndpoint": "https://vpc.hyok.test"})
        assert connected(rig, store_id) == ("FAILED", "XKS_PROXY_INVALID_TLS_CONFIGURATION")


FAULTS = {
    "of another owner": (NOT_FOUND, {"owner": "210987654321"}, ""),
    "of another name": (NOT_FOUND, {"name": NAME[:-1] + "1"}, ""),
    "of another principal": (NOT_FOUND, {"allowed_principals": ("cks.kms.us-east-1.amazonaws.com",)}, ""),
    "that nobody may use": (NOT_FOUND, {"allowed_principals": ()}, ""),
    "behind a gateway load balancer": (
        INVALID,
        {"load_balancer": LoadBalancer.GATEWAY},
        "must have a Network Load Balancer",
    ),
    "in one zone": (INVALID, {"availability_zones": 1}, "at least 2 Availability Zones. It has them in 1."),
    "that wants acceptance": (INVALID, {"is_acceptance_required": True}, "must not require acceptance"),
    "without a private DNS name": (INVALID, {"private_dns_name": None}, "must have a private DNS name"),
    "with an unproved name": (INVALID, {"private_dns_state": PrivateDnsState.PENDING}, "is pendingVerification."),
    "with a disproved name": (INVALID, {"private_dns_state": PrivateDnsState.FAILED}, "Its state is failed."),
    "of another DNS name": (INVALID, {"private_dns_name": "xks.example.com"}, "which is xks.example.com."),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_service_that_kms_cannot_use_is_refused_and_its_stores_do_not_connect(
    tmp_path: Path, runner: asyncio.Runner, authority: trustme.CA, proxy: MisbehavingProxy, fault: str
) -> None:
    code, change, reason = FAULTS[fault]
    good = a_service(proxy.port)
    with a_rig(tmp_path, runner, authority, proxy, good) as rig:
        store_id = rig.create_store(**IN_VPC)
    with a_rig(tmp_path, runner, authority, proxy, replace(good, **change)) as rig:  # type: ignore[arg-type]  # a table
        asked = len(proxy.asked)
        path = {"XksProxyUriPath": "/new/kms/xks/v1"}
        updated = refusal(rig, "UpdateCustomKeyStore", CustomKeyStoreId=store_id, **path)
        assert connected(rig, store_id) == ("FAILED", "XKS_" + shouted(code))
        rig.call("DisconnectCustomKeyStore", CustomKeyStoreId=store_id)
        rig.call("DeleteCustomKeyStore", CustomKeyStoreId=store_id)
        created = refusal(rig, "CreateCustomKeyStore", **NEW | IN_VPC)
        assert created == updated
        assert created[0] == code
        assert reason in str(created[1])
        assert len(proxy.asked) == asked, "nobody is asked where there is no way"


def shouted(code: str) -> str:
    return {NOT_FOUND: "VPC_ENDPOINT_SERVICE_NOT_FOUND", INVALID: "VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION"}[code]


def test_everybody_or_kms_by_name_may_be_allowed(
    tmp_path: Path, runner: asyncio.Runner, authority: trustme.CA, proxy: MisbehavingProxy
) -> None:
    for number, allowed in enumerate(("*", "cks.kms.eu-central-1.amazonaws.com")):
        service = replace(a_service(proxy.port), allowed_principals=(allowed,))
        (tmp_path / str(number)).mkdir()
        with a_rig(tmp_path / str(number), runner, authority, proxy, service) as rig:
            assert connected(rig, rig.create_store(**IN_VPC)) == ("CONNECTED", None)


def test_a_service_of_another_region_is_not_found(rig: Rig) -> None:
    with pytest.raises(AwsError, match=NOT_FOUND):
        rig.run(rig.ask("CreateCustomKeyStore", NEW | IN_VPC, region="us-east-1"))


def test_a_service_of_another_account_is_found_if_the_store_names_its_owner(
    tmp_path: Path, runner: asyncio.Runner, authority: trustme.CA, proxy: MisbehavingProxy
) -> None:
    service = replace(a_service(proxy.port), owner="210987654321")
    with a_rig(tmp_path, runner, authority, proxy, service) as rig:
        store_id = rig.create_store(**IN_VPC, XksProxyVpcEndpointServiceOwner="210987654321")
        assert connected(rig, store_id) == ("CONNECTED", None)


def test_uniqueness_comes_before_the_service_and_the_service_before_the_proxy(rig: Rig) -> None:
    rig.create_store(**IN_VPC)
    elsewhere = {"CustomKeyStoreName": "x", "XksProxyUriPath": "/x/kms/xks/v1"}
    of_one = IN_VPC | {"XksProxyVpcEndpointServiceName": NAME[:-1] + "1"}
    assert refusal(rig, "CreateCustomKeyStore", **NEW | of_one)[0] == "CustomKeyStoreNameInUseException"
    taken = refusal(rig, "CreateCustomKeyStore", **NEW | of_one | elsewhere)
    assert taken[0] == "XksProxyUriEndpointInUseException"
    free = {"XksProxyUriEndpoint": "https://free.hyok.test"}
    taken = refusal(rig, "CreateCustomKeyStore", **NEW | IN_VPC | elsewhere | free)
    assert taken[0] == "XksProxyVpcEndpointServiceInUseException"
    assert refusal(rig, "CreateCustomKeyStore", **NEW | of_one | elsewhere | free)[0] == NOT_FOUND


def test_a_store_moves_behind_a_service_and_back(rig: Rig, proxy: MisbehavingProxy) -> None:
    store_id = rig.create_store()
    rig.call("UpdateCustomKeyStore", CustomKeyStoreId=store_id, **IN_VPC)
    assert f"host: {PRIVATE}\r\n".encode() in proxy.asked[-1].head.lower()
    assert proxy.asked[-1].body["requestMetadata"]["kmsOperation"] == "UpdateCustomKeyStore"
    assert connected(rig, store_id) == ("CONNECTED", None)
    public = {"XksProxyConnectivity": "PUBLIC_ENDPOINT", "XksProxyUriEndpoint": f"https://{HOST}"}
    assert refusal(rig, "UpdateCustomKeyStore", CustomKeyStoreId=store_id, **public)[0] == (
        "CustomKeyStoreInvalidStateException"
    )
    rig.call("DisconnectCustomKeyStore", CustomKeyStoreId=store_id)
    rig.settled(store_id)
    assert refusal(rig, "UpdateCustomKeyStore", CustomKeyStoreId=store_id, XksProxyConnectivity="PUBLIC_ENDPOINT")[
        0
    ] == ("ValidationException")
    rig.call("UpdateCustomKeyStore", CustomKeyStoreId=store_id, **public)
    proxy_configuration = rig.describe(store_id)["XksProxyConfiguration"]
    assert proxy_configuration["Connectivity"] == "PUBLIC_ENDPOINT"
    assert "VpcEndpointServiceName" not in proxy_configuration
    assert connected(rig, store_id) == ("CONNECTED", None)


def test_moving_behind_a_service_asks_the_proxy_and_changes_nothing_if_it_fails(
    rig: Rig, proxy: MisbehavingProxy
) -> None:
    store_id = rig.create_store()
    before = rig.describe(store_id)
    proxy.script["GetHealthStatus"] = error("AuthenticationFailedException", 401)
    refused = refusal(rig, "UpdateCustomKeyStore", CustomKeyStoreId=store_id, **IN_VPC)
    assert refused[0] == "XksProxyIncorrectAuthenticationCredentialException"
    assert rig.describe(store_id) == before


def test_a_network_without_a_route_is_a_code_of_its_own(
    tmp_path: Path, runner: asyncio.Runner, authority: trustme.CA, proxy: MisbehavingProxy
) -> None:
    service = replace(a_service(proxy.port), address=UNROUTED)
    with a_rig(tmp_path, runner, authority, proxy, service) as rig:
        store_id = rig.create_store(**IN_VPC)
        refused = refusal(rig, "UpdateCustomKeyStore", CustomKeyStoreId=store_id, XksProxyUriPath="/new/kms/xks/v1")
        assert refused[0] == "XksProxyUriUnreachableException"
        assert connected(rig, store_id) == ("FAILED", "NETWORK_ERRORS")


def test_every_connection_error_code_is_brought_about_by_some_test() -> None:
    # By rows of the table, which test_failure_matrix.py and this file drive through ConnectCustomKeyStore.
    by_failure = {each.connection_error for each in CONSEQUENCES.values()}
    # By a defect of ours: test_connecting.py.
    assert by_failure | {ConnectionErrorCode.INTERNAL_ERROR} >= set(ConnectionErrorCode)
