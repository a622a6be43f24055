"""VPC endpoint services as the configuration describes them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hyok.assembly.kms_endpoints import kms_endpoints
from hyok.config.configuration import Configuration, build_configuration
from hyok.config.sources import parse_tables
from hyok.kms.vpc_endpoint_services import EndpointServiceUnfit
from hyok.transport.sockets import Address
from tests.unit.kms.test_custom_key_stores import VPC_STORE

KMS = """
[kms]
account = "123456789012"
region = "eu-central-1"
[kms.storage]
url = "sqlite:////nowhere/kms.db"
[kms.root_key]
source = "file:/nowhere/root.key"
[[kms.vpc_endpoint_services]]
name = "com.amazonaws.vpce.eu-central-1.vpce-svc-01"
private_dns_name = "vpc.example.com"
address = "127.0.0.1:8443"
"""
STORE = replace(VPC_STORE, uri_endpoint="https://vpc.example.com")


def configured(more: str = "") -> Configuration:
    return build_configuration(parse_tables((KMS + more).encode(), name="test"), file=None, environment={})


def test_a_service_with_nothing_but_name_and_address_is_as_kms_needs_it() -> None:
    assert kms_endpoints(configured().require_kms()).locate(STORE) == Address("127.0.0.1", 8443)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ('owner = "210987654321"', "could not find"),
        ('allowed_principals = ["cks.kms.eu-west-1.amazonaws.com"]', "could not find"),
        ("acceptance_required = true", "acceptance"),
        ('load_balancer = "gateway"', "Network Load Balancer"),
        ("availability_zones = 1", "Availability Zones"),
        ('private_dns_state = "pendingVerification"', "pendingVerification"),
    ],
)
def test_each_mistake_can_be_set(more: str, reason: str) -> None:
    with pytest.raises(EndpointServiceUnfit, match=reason):
        kms_endpoints(configured(more).require_kms()).locate(STORE)
