from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from hyok.awsjson.errors import AwsError
from hyok.kms.call import Call
from hyok.kms.repository import StaleMemoryError
from hyok.kms.values import KeyState, KmsKey
from hyok.storage.schema import keys as keys_table
from tests.unit.kms.examples import ORDINARY_KEY, POLICY
from tests.unit.kms.running import (
    OTHER_ACCOUNT,
    OTHER_REGION,
    STORE_ID,
    XKS_KEY_ID,
    RunningKms,
    a_call,
    running_kms,
)


def disabled(key: KmsKey) -> KmsKey:
    return replace(key, state=KeyState.DISABLED)


def test_everything_about_keys_survives_a_restart(tmp_path: Path) -> None:
    with running_kms(tmp_path) as before:
        before.add_store()
        ordinary = before.create_key(Description="first", Tags=[{"TagKey": "a", "TagValue": "ü"}], Policy=POLICY)
        external = before.create_external_key()
        before.call("DisableKey", {"KeyId": ordinary})
        before.call("ScheduleKeyDeletion", {"KeyId": external})
        before.call("CreateAlias", {"AliasName": "alias/app", "TargetKeyId": ordinary})
        known = [before.find(ordinary), before.find(external)]
        aliases = before.call("ListAliases", {})
    with running_kms(tmp_path) as after:
        assert [after.find(ordinary), after.find(external)] == known
        assert after.call("ListAliases", {}) == aliases
        assert after.is_tied(XKS_KEY_ID)


def test_what_was_encrypted_before_a_restart_decrypts_after_it(tmp_path: Path) -> None:
    with running_kms(tmp_path) as before:
        before.add_store()
        blobs = [
            before.call("Encrypt", {"KeyId": arn, "Plaintext": b"kept"})["CiphertextBlob"]
            for arn in (before.create_key(), before.create_external_key())
        ]
    with running_kms(tmp_path) as after:
        for blob in blobs:
            assert after.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == b"kept"


def test_a_key_is_found_under_four_names(kms: RunningKms) -> None:
    arn = kms.create_key()
    kms.call("CreateAlias", {"AliasName": "alias/app", "TargetKeyId": arn})
    prefix, key_id = arn.split("key/")
    for name in (key_id, arn, "alias/app", f"{prefix}alias/app"):
        assert kms.space.keys.find(a_call(), name).arn == arn
    for name in (key_id, arn):
        assert kms.space.keys.find_by_id(a_call(), name).arn == arn


@pytest.mark.parametrize(
    "elsewhere",
    [
        a_call("Decrypt", region=OTHER_REGION),
        a_call("PutKeyPolicy", account=OTHER_ACCOUNT),
        a_call("ListKeyRotations", account=OTHER_ACCOUNT),
    ],
)
def test_nothing_of_another_region_is_found_nor_of_another_account_by_who_may_not_reach_it(
    kms: RunningKms, elsewhere: Call
) -> None:
    arn = kms.create_key()
    kms.call("CreateAlias", {"AliasName": "alias/app", "TargetKeyId": arn})
    for name in (arn.split("/")[1], arn, "alias/app", arn.split("key/")[0] + "alias/app"):
        with pytest.raises(AwsError):
            kms.space.keys.find(elsewhere, name)


def test_a_key_of_another_account_is_found_by_arn_for_what_may_be_done_across_accounts(kms: RunningKms) -> None:
    arn = kms.create_key()
    kms.call("CreateAlias", {"AliasName": "alias/app", "TargetKeyId": arn})
    call = a_call("Encrypt", account=OTHER_ACCOUNT)
    for name in (arn, arn.split("key/")[0] + "alias/app"):
        assert kms.space.keys.find(call, name).arn == arn
    for name in (arn.split("/")[1], "alias/app"):
        with pytest.raises(AwsError, match="NotFoundException"):
            kms.space.keys.find(call, name)


def test_a_store_s_keys_are_those_tied_to_its_external_keys_in_any_state(kms: RunningKms) -> None:
    kms.create_key()
    external = kms.create_external_key()
    kms.call("ScheduleKeyDeletion", {"KeyId": external})
    assert [key.arn for key in kms.space.keys.of_store(STORE_ID)] == [external]
    assert kms.space.keys.of_store("cks-ffffffffffffffff0") == []


def test_two_keys_racing_for_one_external_key_do_not_both_get_it(kms: RunningKms) -> None:
    arn = kms.create_external_key("other-key")
    key = kms.find(arn)
    twins = [
        replace(ORDINARY_KEY, key_id=f"{n}" * 8 + ORDINARY_KEY.key_id[8:], arn=f"arn:{n}", external_key=reference)
        for n in (1, 2)
        if (reference := key.external_key) is not None
    ]
    free = [
        replace(twin, external_key=twin.external_key._replace(xks_key_id="free")) for twin in twins if twin.external_key
    ]

    async def race() -> list[object]:
        return await asyncio.gather(*(kms.space.keys.create(twin) for twin in free), return_exceptions=True)

    first, second = kms.run(race())
    assert first is None
    assert isinstance(second, AwsError)
    assert second.code == "XksKeyAlreadyInUseException"


def test_a_change_sees_the_key_as_it_is_in_its_turn(kms: RunningKms) -> None:
    key = kms.find(kms.create_key())
    seen: list[KeyState] = []

    def look(current: KmsKey) -> KmsKey:
        seen.append(current.state)
        return current

    async def race() -> None:
        await asyncio.gather(kms.space.keys.change(key, disabled), kms.space.keys.change(key, look))

    kms.run(race())
    assert seen == [KeyState.DISABLED]


def test_a_change_that_is_refused_changes_nothing(kms: RunningKms) -> None:
    key = kms.find(kms.create_key())

    def refuse(current: KmsKey) -> KmsKey:
        raise AwsError("KMSInvalidStateException", "no")

    with pytest.raises(AwsError, match="no"):
        kms.run(kms.space.keys.change(key, refuse))
    assert kms.find(key.arn) == key


def test_a_row_changed_behind_the_memory_is_not_overwritten(kms: RunningKms) -> None:
    key = kms.find(kms.create_key())
    with kms.storage.transaction() as connection:
        connection.execute(keys_table.update().values(state="PendingDeletion", deletion_at=1.0))
    with pytest.raises(StaleMemoryError, match="changed in the storage, and not by hyok"):
        kms.run(kms.space.keys.change(key, disabled))
    assert kms.find(key.arn) == key


def test_a_key_deleted_meanwhile_is_not_found(kms: RunningKms) -> None:
    arn = kms.create_key()
    key = kms.find(arn)
    kms.delete(arn)
    with pytest.raises(AwsError, match=f"NotFoundException: Key '{arn}' does not exist"):
        kms.run(kms.space.keys.change(key, disabled))
