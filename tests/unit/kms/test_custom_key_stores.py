from __future__ import annotations

import re
from dataclasses import replace

import pytest

from hyok.awsjson.errors import AwsError
from hyok.kms.connection_state import ConnectionState
from hyok.kms.custom_key_stores import (
    Connectivity,
    CustomKeyStore,
    CustomKeyStoreDirectory,
    ProxyCredential,
    VpcEndpointService,
    new_store_id,
)
from hyok.secret import Secret

SECRET = b"DXjSUawnel2fr6SKC7G25CNxTyWKE5PF9XX6H/u9pSo="

STORE = CustomKeyStore(
    account="123456789012",
    region="eu-central-1",
    id="cks-1234567890abcdef0",
    name="first",
    connectivity=Connectivity.PUBLIC_ENDPOINT,
    uri_endpoint="https://xks.example.com",
    uri_path="/first/kms/xks/v1",
    vpc_endpoint_service=None,
    credential=ProxyCredential("ABCDEFGHIJKLMNOPQRST", Secret(SECRET)),
    credential_set_at=1.0,
    state=ConnectionState.DISCONNECTED,
    connection_error=None,
    created_at=1.0,
)
OTHER = replace(STORE, id="cks-fedcba98765432100", name="second", uri_path="/second/kms/xks/v1")
VPC_STORE = replace(
    STORE,
    connectivity=Connectivity.VPC_ENDPOINT_SERVICE,
    uri_endpoint="https://xks.internal.example.com",
    vpc_endpoint_service=VpcEndpointService("com.amazonaws.vpce.eu-central-1.vpce-svc-01", "123456789012"),
)
OTHER_VPC_STORE = replace(
    VPC_STORE,
    id=OTHER.id,
    name=OTHER.name,
    uri_endpoint="https://other.internal.example.com",
    vpc_endpoint_service=VpcEndpointService("com.amazonaws.vpce.eu-central-1.vpce-svc-02", "123456789012"),
)


def refusal(present: CustomKeyStore, candidate: CustomKeyStore) -> str:
    with pytest.raises(AwsError) as raised:
        CustomKeyStoreDirectory([present]).check_unique(candidate)
    return raised.value.code


def test_a_store_is_found_by_its_id_and_by_its_name() -> None:
    directory = CustomKeyStoreDirectory([STORE, OTHER])
    assert directory.find(STORE.id, account=STORE.account, region=STORE.region) is STORE
    assert directory.find_by_name("second", account=STORE.account, region=STORE.region) is OTHER


@pytest.mark.parametrize("place", [("210987654321", "eu-central-1"), ("123456789012", "us-east-1")])
def test_a_store_is_unknown_to_another_account_and_in_another_region(place: tuple[str, str]) -> None:
    account, region = place
    directory = CustomKeyStoreDirectory([STORE])
    with pytest.raises(AwsError, match="CustomKeyStoreNotFoundException"):
        directory.find(STORE.id, account=account, region=region)
    with pytest.raises(AwsError, match="CustomKeyStoreNotFoundException"):
        directory.find_by_name(STORE.name, account=account, region=region)
    assert directory.list(account, region) == ()


def test_a_removed_store_is_unknown() -> None:
    directory = CustomKeyStoreDirectory([STORE])
    directory.remove(STORE.id)
    with pytest.raises(AwsError, match="CustomKeyStoreNotFoundException"):
        directory.find(STORE.id, account=STORE.account, region=STORE.region)


def test_the_eleventh_store_of_an_account_and_region_is_refused() -> None:
    directory = CustomKeyStoreDirectory(replace(STORE, id=f"cks-{number}") for number in range(9))
    directory.check_room(STORE.account, STORE.region)
    directory.put(replace(STORE, id="cks-10"))
    with pytest.raises(AwsError, match="LimitExceededException"):
        directory.check_room(STORE.account, STORE.region)
    directory.check_room(STORE.account, "us-east-1")


def test_public_stores_may_share_an_endpoint() -> None:
    CustomKeyStoreDirectory([STORE]).check_unique(OTHER)


def test_a_store_does_not_collide_with_itself() -> None:
    CustomKeyStoreDirectory([VPC_STORE]).check_unique(VPC_STORE)


def test_a_name_is_unique_in_its_account_and_region() -> None:
    taken = replace(OTHER, name=STORE.name)
    assert refusal(STORE, taken) == "CustomKeyStoreNameInUseException"
    CustomKeyStoreDirectory([STORE]).check_unique(replace(taken, account="210987654321"))
    CustomKeyStoreDirectory([STORE]).check_unique(replace(taken, region="us-east-1"))


@pytest.mark.parametrize("endpoint", [STORE.uri_endpoint, "https://XKS.example.com"])
def test_an_endpoint_and_path_are_unique_in_their_account_and_region(endpoint: str) -> None:
    taken = replace(OTHER, uri_endpoint=endpoint, uri_path=STORE.uri_path)
    assert refusal(STORE, taken) == "XksProxyUriInUseException"
    CustomKeyStoreDirectory([STORE]).check_unique(replace(taken, account="210987654321"))


@pytest.mark.parametrize("account", [STORE.account, "210987654321"])
@pytest.mark.parametrize(
    ("present", "candidate"),
    [
        (STORE, replace(OTHER_VPC_STORE, uri_endpoint=STORE.uri_endpoint, uri_path="/x/kms/xks/v1")),
        (VPC_STORE, replace(OTHER, uri_endpoint=VPC_STORE.uri_endpoint, uri_path="/x/kms/xks/v1")),
        (VPC_STORE, replace(OTHER_VPC_STORE, uri_endpoint=VPC_STORE.uri_endpoint, uri_path="/x/kms/xks/v1")),
    ],
    ids=["VPC like public", "public like VPC", "VPC like VPC"],
)
def test_an_endpoint_in_a_vpc_is_shared_with_nobody_in_the_region(
    present: CustomKeyStore, candidate: CustomKeyStore, account: str
) -> None:
    assert refusal(present, replace(candidate, account=account)) == "XksProxyUriEndpointInUseException"
    CustomKeyStoreDirectory([present]).check_unique(replace(candidate, region="us-east-1"))


def test_a_vpc_endpoint_service_belongs_to_one_store_in_its_region() -> None:
    taken = replace(OTHER_VPC_STORE, account="210987654321", vpc_endpoint_service=VPC_STORE.vpc_endpoint_service)
    assert refusal(VPC_STORE, taken) == "XksProxyVpcEndpointServiceInUseException"
    CustomKeyStoreDirectory([VPC_STORE]).check_unique(OTHER_VPC_STORE)


def test_a_new_id_has_the_form_that_clients_check() -> None:
    assert re.fullmatch(r"cks-[0-9a-f]{17}", new_store_id())


def test_a_store_shows_no_secret() -> None:
    assert SECRET.decode() not in repr(STORE)
