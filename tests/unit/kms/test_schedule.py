from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hyok.awsjson.errors import AwsError
from hyok.kms import schedule
from hyok.kms.keys import Keys
from hyok.storage.errors import StorageError
from tests.unit.kms.running import XKS_KEY_ID, RunningKms, running_kms

DAY = 86_400


def test_a_key_lives_until_its_date_and_not_longer(kms: RunningKms) -> None:
    arn = kms.create_key()
    kms.call("ScheduleKeyDeletion", {"KeyId": arn, "PendingWindowInDays": 7})
    kms.schedule_clock.advance(7 * DAY - 60)
    assert kms.run(kms.schedule.delete_due()) == []
    assert kms.find(arn).arn == arn
    kms.schedule_clock.advance(61)
    assert [key.arn for key in kms.run(kms.schedule.delete_due())] == [arn]
    with pytest.raises(AwsError, match=f"NotFoundException: Key '{arn}' does not exist"):
        kms.call("DescribeKey", {"KeyId": arn})


def test_a_deletion_that_was_cancelled_does_not_happen(kms: RunningKms) -> None:
    arn = kms.create_key()
    kms.call("ScheduleKeyDeletion", {"KeyId": arn, "PendingWindowInDays": 7})
    kms.call("CancelKeyDeletion", {"KeyId": arn})
    kms.schedule_clock.advance(8 * DAY)
    assert kms.run(kms.schedule.delete_due()) == []
    assert kms.call("DescribeKey", {"KeyId": arn})["KeyMetadata"]["KeyState"] == "Disabled"


def test_a_deleted_key_leaves_no_alias_and_frees_its_external_key(kms: RunningKms) -> None:
    arn = kms.create_external_key()
    kms.call("CreateAlias", {"AliasName": "alias/app", "TargetKeyId": arn})
    kms.delete(arn)
    assert kms.call("ListAliases", {})["Aliases"] == []
    assert not kms.is_tied(XKS_KEY_ID)


def test_a_deleted_key_s_material_is_gone_from_memory(kms: RunningKms) -> None:
    arn = kms.create_key()
    key = kms.find(arn)
    kms.call("Encrypt", {"KeyId": arn, "Plaintext": b"x"})
    assert kms.space.backing_keys.find(key, 1) is not None
    kms.delete(arn)
    assert kms.space.backing_keys.find(key, 1) is None


def test_a_key_made_anew_over_the_same_external_key_opens_nothing_of_the_old_one(kms: RunningKms) -> None:
    old = kms.create_external_key()
    blob = kms.call("Encrypt", {"KeyId": old, "Plaintext": b"lost"})["CiphertextBlob"]
    kms.delete(old)
    new = kms.create_external_key()
    with pytest.raises(AwsError, match=r"AccessDeniedException: .* associated with this ciphertext .* does not exist"):
        kms.call("Decrypt", {"CiphertextBlob": blob})
    with pytest.raises(AwsError, match="IncorrectKeyException"):
        kms.call("Decrypt", {"CiphertextBlob": blob, "KeyId": new})


def test_a_deletion_holds_after_a_restart(tmp_path: Path) -> None:
    with running_kms(tmp_path) as before:
        arn = before.create_key()
        before.delete(arn)
    with running_kms(tmp_path) as after:
        assert after.call("ListKeys", {})["Keys"] == []


def test_the_schedule_goes_on_after_a_storage_that_failed(
    kms: RunningKms, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    arn = kms.create_key()
    kms.call("ScheduleKeyDeletion", {"KeyId": arn, "PendingWindowInDays": 7})
    kms.schedule_clock.advance(8 * DAY)
    monkeypatch.setattr(schedule, "SECONDS_BETWEEN_LOOKS", 0.01)
    looks: list[float] = []
    has_looked_thrice = asyncio.Event()
    delete_due = Keys.delete_due

    async def fail_once(self: Keys, now: float) -> object:
        looks.append(now)
        if len(looks) == 3:
            has_looked_thrice.set()
        if len(looks) == 1:
            raise StorageError("the disk is full")
        return await delete_due(self, now)

    monkeypatch.setattr(Keys, "delete_due", fail_once)

    async def run_until_it_has_looked_thrice() -> None:
        running = asyncio.create_task(kms.schedule.run())
        await has_looked_thrice.wait()
        running.cancel()

    kms.run(run_until_it_has_looked_thrice())
    assert "the disk is full" in caplog.text
    assert kms.call("ListKeys", {})["Keys"] == []


@pytest.mark.sqlite_files
def test_a_deleted_key_s_material_is_in_no_file(tmp_path: Path) -> None:
    with running_kms(tmp_path) as kms:
        arn = kms.create_key()
        sealed = kms.space.backing_keys.history(kms.find(arn).key_id)[0].sealed_material

        def is_in_a_file() -> bool:
            return any(sealed in path.read_bytes() for path in tmp_path.iterdir())

        assert is_in_a_file()
        kms.delete(arn)
        assert not is_in_a_file()


def test_traces_of_a_deletion_that_could_not_be_erased_are_erased_later(
    kms: RunningKms, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [False, False, True]

    async def erase_traces(self: Keys) -> bool:
        return answers.pop(0)

    kms.run(kms.schedule.delete_due())
    monkeypatch.setattr(Keys, "erase_traces", erase_traces)
    kms.delete(kms.create_key())
    for _ in range(3):
        kms.run(kms.schedule.delete_due())
    assert answers == []
