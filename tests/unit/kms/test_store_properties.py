from __future__ import annotations

from collections.abc import Mapping

import pytest

from hyok.awsjson.errors import AwsError
from hyok.kms.call import Call
from hyok.kms.connection_state import ConnectionState, StoreOperation
from hyok.kms.custom_key_stores import Connectivity, CustomKeyStore, ProxyCredential, VpcEndpointService
from hyok.kms.store_properties import StoreProperties, refuse_cloudhsm
from hyok.secret import Secret

CALL = Call(
    request_id="1",
    operation="CreateCustomKeyStore",
    account="123456789012",
    region="eu-central-1",
    principal_arn="arn:aws:iam::123456789012:root",
    via_service="",
    source_vpc="",
    source_vpce="",
)
SERVICE = "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0"
PUBLIC: Mapping[str, object] = {
    "CustomKeyStoreName": "first",
    "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
    "XksProxyConnectivity": "PUBLIC_ENDPOINT",
    "XksProxyUriEndpoint": "https://xks.example.com",
    "XksProxyUriPath": "/first/kms/xks/v1",
    "XksProxyAuthenticationCredential": {
        "AccessKeyId": "ABCDEFGHIJKLMNOPQRST",
        "RawSecretAccessKey": "DXjSUawnel2fr6SKC7G25CNxTyWKE5PF9XX6H/u9pSo=",
    },
}
VPC = {**PUBLIC, "XksProxyConnectivity": "VPC_ENDPOINT_SERVICE", "XksProxyVpcEndpointServiceName": SERVICE}


def create(request: Mapping[str, object]) -> CustomKeyStore:
    return StoreProperties.of(request, name="CustomKeyStoreName").new_store(CALL, now=7.0)


def update(store: CustomKeyStore, **request: object) -> CustomKeyStore:
    return StoreProperties.of(request, name="NewCustomKeyStoreName").applied_to(store, now=8.0)


def test_a_new_public_store_is_disconnected_and_holds_what_was_given() -> None:
    store = create(PUBLIC)
    assert (store.account, store.region, store.name) == ("123456789012", "eu-central-1", "first")
    assert (store.host, store.uri_path) == ("xks.example.com", "/first/kms/xks/v1")
    assert store.connectivity is Connectivity.PUBLIC_ENDPOINT
    assert store.vpc_endpoint_service is None
    assert store.credential == ProxyCredential(
        "ABCDEFGHIJKLMNOPQRST", Secret(b"DXjSUawnel2fr6SKC7G25CNxTyWKE5PF9XX6H/u9pSo=")
    )
    assert (store.state, store.connection_error) == (ConnectionState.DISCONNECTED, None)
    assert store.created_at == store.credential_set_at == 7.0


def test_a_vpc_endpoint_service_belongs_to_the_caller_unless_another_owner_is_given() -> None:
    assert create(VPC).vpc_endpoint_service == VpcEndpointService(SERVICE, "123456789012")
    other = create({**VPC, "XksProxyVpcEndpointServiceOwner": "210987654321"})
    assert other.vpc_endpoint_service == VpcEndpointService(SERVICE, "210987654321")


@pytest.mark.parametrize(
    "member",
    ["XksProxyConnectivity", "XksProxyUriEndpoint", "XksProxyUriPath", "XksProxyAuthenticationCredential"],
)
def test_a_new_store_needs_every_property(member: str) -> None:
    request = {name: value for name, value in PUBLIC.items() if name != member}
    with pytest.raises(AwsError, match=f"ValidationException: {member} is required"):
        create(request)


@pytest.mark.parametrize("name", [None, ""])
def test_a_new_store_behind_a_vpc_endpoint_service_needs_the_services_name(name: str | None) -> None:
    with pytest.raises(AwsError, match="ValidationException: XksProxyVpcEndpointServiceName is required"):
        create({**VPC, "XksProxyVpcEndpointServiceName": name})


@pytest.mark.parametrize(
    "surplus",
    [{"XksProxyVpcEndpointServiceName": SERVICE}, {"XksProxyVpcEndpointServiceOwner": "123456789012"}],
    ids=["name", "owner"],
)
def test_a_public_store_has_no_vpc_endpoint_service(surplus: Mapping[str, object]) -> None:
    with pytest.raises(AwsError, match="ValidationException"):
        create({**PUBLIC, **surplus})


@pytest.mark.parametrize("member", ["CloudHsmClusterId", "TrustAnchorCertificate", "KeyStorePassword"])
def test_a_property_of_cloudhsm_key_stores_is_refused_and_not_shown(member: str) -> None:
    with pytest.raises(AwsError, match=f"ValidationException: {member} is valid only") as raised:
        create({**PUBLIC, member: "hunter22"})
    assert "hunter22" not in str(raised.value)


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://192.0.2.1",
        "https://xks..example.com",
        "https://.example.com",
        "https://-xks.example.com",
        "https://a-.",
    ],
)
def test_a_host_that_is_no_domain_name_is_refused(endpoint: str) -> None:
    with pytest.raises(AwsError, match="ValidationException: The host name"):
        create({**PUBLIC, "XksProxyUriEndpoint": endpoint})


@pytest.mark.parametrize("request_", [{}, {"CustomKeyStoreType": "AWS_CLOUDHSM"}], ids=["default", "named"])
def test_a_cloudhsm_key_store_finds_no_cluster(request_: Mapping[str, object]) -> None:
    with pytest.raises(AwsError, match="CloudHsmClusterNotFoundException"):
        refuse_cloudhsm({**request_, "CloudHsmClusterId": "cluster-2a34b5cdefg"})


def test_an_external_key_store_without_its_type_is_told_so() -> None:
    request = {name: value for name, value in PUBLIC.items() if name != "CustomKeyStoreType"}
    with pytest.raises(AwsError, match=r"ValidationException.*CustomKeyStoreType EXTERNAL_KEY_STORE"):
        refuse_cloudhsm(request)


def test_an_external_key_store_is_no_cloudhsm_key_store() -> None:
    refuse_cloudhsm(PUBLIC)


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    store = create(PUBLIC)
    changed = update(store, NewCustomKeyStoreName="renamed")
    assert changed.name == "renamed"
    assert update(changed, NewCustomKeyStoreName="first") == store


def test_a_new_credential_is_dated() -> None:
    credential = {"AccessKeyId": "ZZZZZZZZZZZZZZZZZZZZ", "RawSecretAccessKey": "A" * 43}
    changed = update(create(PUBLIC), XksProxyAuthenticationCredential=credential)
    assert changed.credential == ProxyCredential("ZZZZZZZZZZZZZZZZZZZZ", Secret(b"A" * 43))
    assert (changed.credential_set_at, changed.created_at) == (8.0, 7.0)


@pytest.mark.parametrize(("before", "after"), [(PUBLIC, "VPC_ENDPOINT_SERVICE"), (VPC, "PUBLIC_ENDPOINT")])
def test_another_connectivity_needs_another_endpoint(before: Mapping[str, object], after: str) -> None:
    with pytest.raises(AwsError, match=r"ValidationException.*XksProxyUriEndpoint"):
        update(create(before), XksProxyConnectivity=after, XksProxyVpcEndpointServiceName=SERVICE)


def test_a_public_store_moves_behind_a_vpc_endpoint_service() -> None:
    with pytest.raises(AwsError, match="XksProxyVpcEndpointServiceName is required"):
        update(create(PUBLIC), XksProxyConnectivity="VPC_ENDPOINT_SERVICE", XksProxyUriEndpoint="https://a.example")
    changed = update(
        create(PUBLIC),
        XksProxyConnectivity="VPC_ENDPOINT_SERVICE",
        XksProxyUriEndpoint="https://a.example",
        XksProxyVpcEndpointServiceName=SERVICE,
    )
    assert changed.vpc_endpoint_service == VpcEndpointService(SERVICE, "123456789012")


@pytest.mark.parametrize("cleared", [{}, {"XksProxyVpcEndpointServiceName": ""}], ids=["absent", "empty"])
def test_a_store_that_becomes_public_loses_its_vpc_endpoint_service(cleared: Mapping[str, object]) -> None:
    changed = update(
        create(VPC), XksProxyConnectivity="PUBLIC_ENDPOINT", XksProxyUriEndpoint="https://a.example", **cleared
    )
    assert changed.vpc_endpoint_service is None


def test_an_owner_stays_until_another_is_given() -> None:
    store = create({**VPC, "XksProxyVpcEndpointServiceOwner": "210987654321"})
    service = SERVICE.replace("0123", "9999")
    renamed = update(store, XksProxyVpcEndpointServiceName=service)
    assert renamed.vpc_endpoint_service == VpcEndpointService(service, "210987654321")
    given = update(renamed, XksProxyVpcEndpointServiceOwner="123456789012")
    assert given.vpc_endpoint_service == VpcEndpointService(service, "123456789012")


@pytest.mark.parametrize(
    ("request_", "touches_proxy", "operation"),
    [
        ({"NewCustomKeyStoreName": "renamed"}, False, StoreOperation.UPDATE_ACCESS),
        ({"XksProxyUriPath": "/x/kms/xks/v1"}, True, StoreOperation.UPDATE_ACCESS),
        (
            {"XksProxyAuthenticationCredential": PUBLIC["XksProxyAuthenticationCredential"]},
            True,
            StoreOperation.UPDATE_ACCESS,
        ),
        ({"XksProxyConnectivity": "PUBLIC_ENDPOINT"}, True, StoreOperation.UPDATE_ENDPOINT),
        ({"XksProxyUriEndpoint": "https://a.example"}, True, StoreOperation.UPDATE_ENDPOINT),
        ({"XksProxyVpcEndpointServiceName": SERVICE}, True, StoreOperation.UPDATE_ENDPOINT),
        ({"XksProxyVpcEndpointServiceOwner": "123456789012"}, True, StoreOperation.UPDATE_ENDPOINT),
    ],
    ids=["name", "path", "credential", "connectivity", "endpoint", "service", "owner"],
)
def test_an_update_knows_what_it_touches(
    request_: Mapping[str, object], touches_proxy: bool, operation: StoreOperation
) -> None:
    properties = StoreProperties.of(request_, name="NewCustomKeyStoreName")
    assert properties.touches_proxy is touches_proxy
    assert properties.update_operation is operation
    assert not properties.is_empty


def test_properties_show_no_secret() -> None:
    assert "DXjSUawnel" not in repr(StoreProperties.of(PUBLIC, name="CustomKeyStoreName"))
