"""How each operation takes a key's four names, and that none reaches into another account or Region.

Which names an operation takes is read from the prose of the service model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from hyok.testing.dev_server import DevServer
from tests.e2e.wire import KmsWire, WireAnswer, kms_wire
from tests.unit.awsjson import oracle
from tests.unit.awsjson.support import operation_names, published_model
from tests.unit.kms.requests import POLICY, least_request, prose_of

OTHER_ACCOUNT = "999999999999"
OTHER_REGION = "us-west-2"
NOT_ALIASES = ("ValidationException", "Aliases must refer to keys. Not aliases", 400)
KEY_MEMBERS = ("KeyId", "SourceKeyId", "DestinationKeyId", "TargetKeyId")
NO_KEY_NEEDED = {"Decrypt.KeyId", "ReEncrypt.SourceKeyId", "RetireGrant.KeyId", "ListAliases.KeyId"}
"""Members that only confirm or narrow down; each is tested by itself elsewhere."""


class Named(NamedTuple):
    """A member of an operation that names a key."""

    operation: str
    member: str
    takes_alias: bool
    is_shared: bool
    """Whether it can be a key of another account."""

    def __str__(self) -> str:
        return f"{self.operation}.{self.member}"

    def alias(self, of: str) -> str:
        return f"alias/{of}/{self.operation}/{self.member}"

    def request(self, name: str) -> dict[str, Any]:
        """Return the least request with this name in it."""
        return least_request(self.operation, **{self.member: name})


def cross_account_use(operation: str) -> str:
    """Return what the model says of keys of other accounts."""
    return prose_of(operation).partition("Cross-account use")[2].partition("Required permissions")[0].lstrip(": ")


def named_members() -> Iterator[Named]:
    for operation in operation_names():
        members = oracle.shape_of(oracle.input_of(operation))["members"]
        for member in KEY_MEMBERS:
            if member in members and f"{operation}.{member}" not in NO_KEY_NEEDED:
                names = members[member].get("documentation", "") + cross_account_use(operation)
                yield Named(operation, member, "alias ARN" in names, cross_account_use(operation).startswith("Yes"))


MEMBERS = list(named_members())


class Names(NamedTuple):
    """The four names of a key."""

    key_id: str
    arn: str
    alias: str
    alias_arn: str


def new_key(wire: KmsWire, alias: str) -> Names:
    metadata = wire.ask("CreateKey", {}).document["KeyMetadata"]
    assert wire.ask("CreateAlias", {"AliasName": alias, "TargetKeyId": metadata["KeyId"]}).status == 200
    arn: str = metadata["Arn"]
    return Names(metadata["KeyId"], arn, alias, f"{arn.partition(':key/')[0]}:{alias}")


def blob_of(wire: KmsWire, key_id: str) -> str:
    blob: str = wire.ask("Encrypt", {"KeyId": key_id, "Plaintext": b"x"}).document["CiphertextBlob"]
    return blob


def ask(wire: KmsWire, named: Named, name: str, own: Names) -> WireAnswer:
    """Ask for an operation on the key of this name; `own` is a key of the caller's, for what else it needs."""
    request = named.request(name)
    if named.operation == "ReEncrypt":
        request["CiphertextBlob"] = blob_of(wire, own.key_id)
    elif named.operation == "UpdateAlias":
        request["AliasName"] = own.alias
    elif named.operation == "CreateAlias":
        request["AliasName"] = f"{own.alias}-more"
    return wire.ask(named.operation, request)


@pytest.mark.parametrize("named", MEMBERS, ids=str)
def test_an_operation_takes_the_names_that_the_model_says_it_takes(hyok_dev: DevServer, named: Named) -> None:
    with kms_wire(hyok_dev) as wire:
        for form in Names._fields:
            # A key for each name, for many operations change it.
            key = new_key(wire, named.alias(form))
            name = getattr(key, form)
            answer = ask(wire, named, name, key)
            if form in ("key_id", "arn") or named.takes_alias:
                # Done, or refused for what the key is: either way it was found.
                assert answer.status == 200 or key.arn in str(answer.document), answer
            elif named.member == "TargetKeyId":
                assert answer.refusal == NOT_ALIASES
            else:
                assert answer.refusal == ("NotFoundException", f"Invalid keyId '{name}'", 400)


@pytest.mark.parametrize("named", MEMBERS, ids=str)
def test_no_operation_reaches_a_key_of_another_account_or_region(hyok_dev: DevServer, named: Named) -> None:
    with kms_wire(hyok_dev) as home, kms_wire(hyok_dev, access_key_id=OTHER_ACCOUNT) as abroad:
        key = new_key(home, named.alias("far"))
        own = new_key(abroad, named.alias("near"))
        by_id = ask(abroad, named, key.key_id, own).refusal
        assert by_id[0] == "NotFoundException"
        assert OTHER_ACCOUNT in str(by_id[1]), "looked for in the caller's own account"
        by_arn = ask(abroad, named, key.arn, own).refusal
        assert by_arn[0] == "AccessDeniedException"
        assert "the resource does not exist in this Region, no resource-based policies allow" in str(by_arn[1])
    with kms_wire(hyok_dev, region=OTHER_REGION) as elsewhere:
        own = new_key(elsewhere, named.alias("near"))
        by_id = ask(elsewhere, named, key.key_id, own).refusal
        assert by_id[0] == "NotFoundException"
        assert OTHER_REGION in str(by_id[1])
        invalid = ("NotFoundException", f"Invalid arn {hyok_dev.region}", 400)
        assert ask(elsewhere, named, key.arn, own).refusal == invalid


@pytest.mark.parametrize("named", MEMBERS, ids=str)
def test_a_key_shared_with_an_account_does_for_it_what_the_model_says(hyok_dev: DevServer, named: Named) -> None:
    with kms_wire(hyok_dev) as home, kms_wire(hyok_dev, access_key_id=OTHER_ACCOUNT) as abroad:
        key, own = new_key(home, named.alias("shared")), new_key(abroad, named.alias("own"))
        assert home.ask("PutKeyPolicy", {"KeyId": key.arn, "Policy": POLICY}).status == 200
        for name in (key.arn, key.alias_arn) if named.takes_alias else (key.arn,):
            answer = ask(abroad, named, name, own)
            if named.is_shared:
                assert answer.status == 200 or key.arn in str(answer.document), answer
            else:
                assert answer.refusal[0] == "AccessDeniedException"


STORE_OPERATIONS = [
    operation
    for operation in operation_names()
    if "CustomKeyStoreId" in published_model()["shapes"][oracle.input_of(operation)]["members"]
]


@pytest.mark.parametrize("operation", STORE_OPERATIONS)
@pytest.mark.parametrize("place", ["account", "Region"])
def test_no_operation_reaches_a_store_of_another_account_or_region(
    hyok_dev: DevServer, operation: str, place: str
) -> None:
    where = {"access_key_id": OTHER_ACCOUNT} if place == "account" else {"region": OTHER_REGION}
    more: dict[str, dict[str, object]] = {
        "CreateKey": {"Origin": "EXTERNAL_KEY_STORE", "XksKeyId": "any"},
        "UpdateCustomKeyStore": {"NewCustomKeyStoreName": "taken"},
        "GenerateRandom": {"NumberOfBytes": 1},
    }
    request = {"CustomKeyStoreId": hyok_dev.custom_key_store_id, **more.get(operation, {})}
    with kms_wire(hyok_dev, **where) as wire:
        assert wire.ask(operation, request).refusal[0] == "CustomKeyStoreNotFoundException"


def test_lists_hold_what_is_of_the_account_and_region_and_nothing_else(hyok_dev: DevServer) -> None:
    for where in ({"access_key_id": "888888888888"}, {"region": "ap-south-1"}):
        with kms_wire(hyok_dev, **where) as wire:
            assert wire.ask("ListKeys", {}).document["Keys"] == []
            assert wire.ask("ListAliases", {}).document["Aliases"] == []
            assert wire.ask("DescribeCustomKeyStores", {}).document["CustomKeyStores"] == []


def test_every_member_that_names_a_key_is_tested_here_or_said_not_to_be() -> None:
    found = {
        f"{operation}.{member}"
        for operation in operation_names()
        for member in oracle.shape_of(oracle.input_of(operation))["members"]
        if member.endswith("KeyId") and member != "XksKeyId" and member != "AccessKeyId"
    }
    assert found == {str(named) for named in MEMBERS} | NO_KEY_NEEDED
    takes_alias = {named.operation for named in MEMBERS if named.takes_alias}
    assert {"DescribeKey", "Encrypt", "GenerateDataKey", "GetPublicKey", "Sign", "ReEncrypt"} <= takes_alias
    assert not takes_alias & {"DisableKey", "PutKeyPolicy", "CreateGrant", "ScheduleKeyDeletion", "TagResource"}
