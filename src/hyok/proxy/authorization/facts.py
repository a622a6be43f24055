"""What policies look at: the condition keys of a proxy policy, from the facts of one request.

`docs/authorization.md` lists them. A fact that KMS did not tell is an absent key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

import msgspec

from hyok.policy.callers import account_of, principal_arn_of
from hyok.policy.values import Context, Request, Value, text_of
from hyok.xks.messages import RequestMetadata

Organizations = Mapping[str, str]
"""The organization of each account that is listed under one, by the account's number."""
Extra = Mapping[str, object]
"""Members of requestMetadata that the specification does not name, by their names in lower case."""

EXTRA_METADATA: Final = "hyok:requestmetadata/"
"""Begins the condition keys of such members."""
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_FIRST_DAY: Final = 3
"""1 January 1970 was a Thursday."""
_DAY_SECONDS: Final = 86_400
_HOUR_SECONDS: Final = 3600


class Facts(NamedTuple):
    """All that can be known of a request to use a key."""

    metadata: RequestMetadata
    xks_operation: str
    key_store: str
    external_key_id: str
    address: str
    """Of whoever asked the proxy, without the port."""
    now: float
    """Unix seconds."""
    extra: Extra
    organizations: Organizations


Reader: TypeAlias = Callable[[Facts], Value]
"""Reads a condition key."""


def make_request(facts: Facts, context: Context) -> Request:
    """Return what policies decide on."""
    metadata = facts.metadata
    action = f"kms:{metadata.kms_operation}"
    return Request(metadata.aws_principal_arn, action, metadata.kms_key_arn, context)


def context_readers(keys: Iterable[str]) -> tuple[tuple[str, Reader], ...]:
    """Return what reads condition keys, given in lower case; of unknown ones there is nothing to read."""
    known = ((key, _READERS.get(key) or _extra_reader(key)) for key in sorted(keys))
    return tuple((key, read) for key, read in known if read is not None)


def make_context(facts: Facts) -> Context:
    """Return every condition key that a request may have, for whoever explains."""
    keys = (*_READERS, *(EXTRA_METADATA + name for name in facts.extra))
    return {key: read(facts) for key, read in context_readers(keys)}


def read_extra(extra: Extra, key: str) -> Value:
    """Return the value of a condition key that begins with EXTRA_METADATA; nothing for null and what is not there."""
    return _as_value(extra.get(key[len(EXTRA_METADATA) :]))


def address_without_port(peer: str) -> str:
    """Return the address of `192.0.2.1:4711` or `[2001:db8::1]:4711`."""
    return peer.rpartition(":")[0].strip("[]")


def _extra_reader(key: str) -> Reader | None:
    if not key.startswith(EXTRA_METADATA):
        return None
    return lambda facts: read_extra(facts.extra, key)


def _as_value(member: object) -> Value:
    if member is None:
        return ()
    if isinstance(member, str | bool | int | float):
        return member
    return tuple(_as_text(each) for each in member) if isinstance(member, list) else _as_text(member)


def _as_text(member: object) -> str:
    return text_of(member) if isinstance(member, str | bool | int | float) else msgspec.json.encode(member).decode()


def _organization(facts: Facts) -> Value:
    return facts.organizations.get(account_of(facts.metadata.aws_principal_arn), ())


def _day(facts: Facts) -> str:
    return _DAYS[(int(facts.now // _DAY_SECONDS) + _FIRST_DAY) % len(_DAYS)]


_READERS: Final[Mapping[str, Reader]] = {
    "aws:principalarn": lambda facts: principal_arn_of(facts.metadata.aws_principal_arn),
    "aws:principalaccount": lambda facts: account_of(facts.metadata.aws_principal_arn) or (),
    "aws:principalorgid": _organization,
    "aws:sourcevpc": lambda facts: facts.metadata.aws_source_vpc or (),
    "aws:sourcevpce": lambda facts: facts.metadata.aws_source_vpce or (),
    "aws:sourceip": lambda facts: facts.address,
    "aws:currenttime": lambda facts: facts.now,
    "aws:epochtime": lambda facts: facts.now,
    "hyok:hourofday": lambda facts: facts.now % _DAY_SECONDS / _HOUR_SECONDS,
    "hyok:dayofweek": _day,
    "hyok:keystore": lambda facts: facts.key_store,
    "hyok:externalkeyid": lambda facts: facts.external_key_id,
    "hyok:xksoperation": lambda facts: facts.xks_operation,
    "kms:viaservice": lambda facts: facts.metadata.kms_via_service or (),
}
