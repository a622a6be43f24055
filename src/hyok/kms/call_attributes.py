"""Attributes that a test gives a call by headers, where at AWS the way of the call decides them. In `hyok dev` only.

At AWS a caller cannot choose these: an AWS service calls on somebody's behalf, a VPC endpoint is passed through, a role
was assumed. Here nothing of that exists, and signatures are not checked, so a header says it. They reach policies
(`kms:ViaService`, `aws:SourceVpc` …), events, and what the external key store proxy is told of the call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from hyok.kms.call import Call
from hyok.kms.errors import validation
from hyok.kms.identities import Identity
from hyok.policy.callers import account_of
from hyok.transport.messages import HttpRequest

PREFIX: Final = b"x-hyok-test-"
_REMEMBERED_IDENTITIES: Final = 1024


class _Attribute(NamedTuple):
    pattern: re.Pattern[str]
    allowed: str


_ATTRIBUTES: Final[Mapping[str, _Attribute]] = {
    "via-service": _Attribute(
        re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+"), "a service such as s3.eu-central-1.amazonaws.com"
    ),
    "source-vpc": _Attribute(re.compile(r"vpc-[0-9a-z]{1,32}"), "the id of a VPC, vpc-…"),
    "source-vpce": _Attribute(re.compile(r"vpce-[0-9a-z]{1,32}"), "the id of a VPC endpoint, vpce-…"),
    "source-arn": _Attribute(re.compile(r"arn:[!-~]{1,2000}"), "an ARN"),
    "source-ip": _Attribute(re.compile(r"[0-9a-f.:]{2,45}"), "an IP address"),
    "principal-arn": _Attribute(
        re.compile(r"arn:[a-z-]+:(iam|sts)::[0-9]{12}:[!-~]{1,1000}"),
        "the ARN of a principal, for example arn:aws:sts::123456789012:assumed-role/app/session-1",
    ),
    "principal-tags": _Attribute(
        re.compile(r"[^=,]{1,128}=[^,]{0,256}(,[^=,]{1,128}=[^,]{0,256}){0,49}"), "NAME=VALUE,NAME=VALUE …"
    ),
}


class GivenAttributes:
    """Reads them."""

    def __init__(self) -> None:
        self._identities: dict[str, Identity] = {}

    def applied_to(self, call: Call, request: HttpRequest) -> Call:
        """Return a call with the attributes that its request names. ValidationException for one that makes no sense."""
        given = _given(request)
        if not given:
            return call
        principal = given.get("principal-arn", call.principal_arn)
        tags = given.get("principal-tags")
        return call._replace(
            account=account_of(principal) or call.account,
            principal_arn=principal,
            via_service=given.get("via-service", ""),
            source_vpc=given.get("source-vpc", ""),
            source_vpce=given.get("source-vpce", ""),
            source_arn=given.get("source-arn", ""),
            source_address=f"{given['source-ip']}:0" if "source-ip" in given else call.source_address,
            identity=call.identity if tags is None else self._identity(call.identity, tags),
        )

    def _identity(self, identity: Identity, tags: str) -> Identity:
        # One object for the same tags: decisions are remembered by it.
        known = self._identities.get(tags)
        if known is None:
            if len(self._identities) >= _REMEMBERED_IDENTITIES:
                self._identities.clear()
            pairs = dict(pair.split("=", 1) for pair in tags.split(","))
            known = Identity(identity.policies, MappingProxyType(pairs))
            self._identities[tags] = known
        return known


def _given(request: HttpRequest) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in request.headers:
        if not name.startswith(PREFIX):
            continue
        attribute = name.removeprefix(PREFIX).decode("latin-1")
        known = _ATTRIBUTES.get(attribute)
        if known is None:
            there = ", ".join(_ATTRIBUTES)
            raise validation(f"There is no test attribute {attribute!r}; after {PREFIX.decode()} there are: {there}.")
        text = value.decode("latin-1")
        if not known.pattern.fullmatch(text):
            raise validation(f"The header {name.decode('latin-1')} must be {known.allowed}.")
        given[attribute] = text
    return given
