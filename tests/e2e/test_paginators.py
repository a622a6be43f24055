"""Every paginator that boto3 has for KMS, in pages of one: all of it, once, in the order of the list in one page."""

from __future__ import annotations

from typing import Any, NamedTuple

import boto3
import botocore.loaders
import pytest

from hyok.testing.dev_server import DevServer

ACCOUNT = "777777777777"
"""An account of this test alone, so that its lists are short."""
USER = f"arn:aws:iam::{ACCOUNT}:user/app"
NAMES = ("a", "b", "c")


class Full(NamedTuple):
    """An account with several of everything."""

    kms: Any
    key_id: str

    def parameters(self, operation: str) -> dict[str, str]:
        match operation:
            case "DescribeCustomKeyStores" | "ListKeys" | "ListAliases":
                return {}
            case "ListRetirableGrants":
                return {"RetiringPrincipal": USER}
            case _:
                return {"KeyId": self.key_id}


PAGINATORS: dict[str, Any] = botocore.loaders.Loader().load_service_model("kms", "paginators-1")["pagination"]


@pytest.fixture(scope="module")
def full(hyok_dev: DevServer) -> Full:
    kms = boto3.client("kms", **hyok_dev.client_settings | {"aws_access_key_id": ACCOUNT})
    key_id, *_ = [kms.create_key()["KeyMetadata"]["KeyId"] for _ in NAMES]
    proxy = hyok_dev.ready_line["proxy"]
    credential = {"AccessKeyId": proxy["access_key_id"], "RawSecretAccessKey": proxy["secret_access_key"]}
    for name in NAMES:
        kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key_id)
        kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": name, "TagValue": name}])
        kms.rotate_key_on_demand(KeyId=key_id)
        kms.create_grant(KeyId=key_id, GranteePrincipal=USER, RetiringPrincipal=USER, Operations=["Decrypt"], Name=name)
    # One store is all that the proxy's one path allows an account; for several, see the tests of custom key stores.
    kms.create_custom_key_store(
        CustomKeyStoreName="a",
        CustomKeyStoreType="EXTERNAL_KEY_STORE",
        XksProxyConnectivity="PUBLIC_ENDPOINT",
        XksProxyUriEndpoint=proxy["uri_endpoint"],
        XksProxyUriPath=proxy["uri_path"],
        XksProxyAuthenticationCredential=credential,
    )
    return Full(kms, key_id)


@pytest.mark.parametrize("operation", PAGINATORS)
def test_pages_of_one_hold_the_whole_list(full: Full, operation: str) -> None:
    method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation).lstrip("_")
    result_key = PAGINATORS[operation]["result_key"]
    parameters = full.parameters(operation)
    whole = getattr(full.kms, method)(**parameters)
    assert whole["Truncated"] is False
    paginator = full.kms.get_paginator(method)
    pages = list(paginator.paginate(**parameters, PaginationConfig={"PageSize": 1}))
    assert [len(page[result_key]) for page in pages] == [1] * len(pages)
    assert [page[result_key][0] for page in pages] == whole[result_key]
    assert len(pages) == {"ListKeyPolicies": 1, "DescribeCustomKeyStores": 1}.get(operation, len(NAMES))
