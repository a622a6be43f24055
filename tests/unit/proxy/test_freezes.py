"""What is frozen is refused by the request's own key, key store or caller, in the words of the specification."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hyok.custody.records import Record
from hyok.custody.rulings import Freeze, Scope, ScopeKind
from hyok.keymanagers.interface import KeyVersion, Sealed
from hyok.proxy.freezes import Frozen
from hyok.transport.messages import HttpRequest
from tests.unit.proxy.stage import (
    BETA_KEY,
    BETA_SIGNER,
    ENCRYPT_ONLY_KEY,
    KEY,
    MANAGER,
    Stage,
    decrypt_request,
    encrypt_request,
    error_of,
    health_request,
    metadata,
    metadata_request,
)

ROLE = "arn:aws:iam::123456789012:role/service-role/Backup"
SESSION = "arn:aws:sts::123456789012:assumed-role/Backup/nightly"
INVALID_STATE = (400, "InvalidStateException")
ACCESS_DENIED = (403, "AccessDeniedException")


def freeze(kind: ScopeKind, name: str = "") -> Freeze:
    record = Record(12, "2026-01-01T00:00:00+00:00", "ruling", name, "freeze", "storage", "root", "host")
    return Freeze(Scope(kind, name), record, name.encode())


def frozen(kind: ScopeKind, name: str = "") -> Frozen:
    return Frozen([freeze(kind, name)])


def requests_of(stage: Stage) -> list[HttpRequest]:
    encrypted = stage.encrypt()
    return [encrypt_request(), decrypt_request(encrypted), metadata_request(), health_request()]


@pytest.mark.parametrize("what", [frozen(ScopeKind.EVERYTHING), frozen(ScopeKind.KEY_STORE, "alpha")])
def test_a_frozen_key_store_is_an_invalid_state_for_every_operation(stage: Stage, what: Frozen) -> None:
    asked = requests_of(stage)
    stage.freezes.current = what
    assert [error_of(stage.ask(request)) for request in asked] == [INVALID_STATE] * 4


def test_a_frozen_key_is_an_invalid_state_for_what_uses_it_and_for_nothing_else(stage: Stage) -> None:
    *uses, health = requests_of(stage)
    stage.freezes.current = frozen(ScopeKind.EXTERNAL_KEY, f"alpha/{KEY}")
    assert [error_of(stage.ask(request)) for request in uses] == [INVALID_STATE] * 3
    assert stage.ask(health).status == 200
    assert stage.ask(metadata_request(key_id=ENCRYPT_ONLY_KEY)).status == 200


def test_other_key_stores_serve_on(stage: Stage) -> None:
    stage.freezes.current = Frozen(
        [freeze(ScopeKind.KEY_STORE, "alpha"), freeze(ScopeKind.EXTERNAL_KEY, f"alpha/{BETA_KEY}")]
    )
    asked = encrypt_request(key_store="beta", key_id=BETA_KEY, signer=BETA_SIGNER)
    assert stage.ask(asked).status == 200


@pytest.mark.parametrize(
    ("name", "caller"),
    [
        (ROLE, SESSION),
        ("arn:aws:iam::123456789012:role/Backup", SESSION),
        (ROLE, ROLE),
        (SESSION, SESSION),
        ("arn:aws:iam::123456789012:user/Alice", "arn:aws:iam::123456789012:user/Alice"),
        ("AWS Internal", "AWS Internal"),
    ],
)
def test_a_frozen_principal_is_denied_access_but_to_health(stage: Stage, name: str, caller: str) -> None:
    stage.freezes.current = frozen(ScopeKind.PRINCIPAL, name)
    asked = encrypt_request(requestMetadata=metadata(awsPrincipalArn=caller))
    assert error_of(stage.ask(asked)) == ACCESS_DENIED
    assert stage.ask(health_request()).status == 200


@pytest.mark.parametrize(
    "caller",
    [
        "arn:aws:iam::123456789012:user/Backup",
        "arn:aws:iam::210987654321:role/Backup",
        "arn:aws:sts::123456789012:assumed-role/Backup2/nightly",
        "AWS Internal",
    ],
)
def test_other_principals_are_served(stage: Stage, caller: str) -> None:
    stage.freezes.current = frozen(ScopeKind.PRINCIPAL, ROLE)
    assert stage.ask(encrypt_request(requestMetadata=metadata(awsPrincipalArn=caller))).status == 200


def test_a_frozen_account_is_denied_as_the_callers_and_as_the_kms_keys(stage: Stage) -> None:
    stage.freezes.current = frozen(ScopeKind.ACCOUNT, "210987654321")
    own = metadata(awsPrincipalArn="arn:aws:iam::210987654321:user/Eve")
    key = metadata(awsPrincipalArn="AWS Internal", kmsKeyArn="arn:aws:kms:eu-central-1:210987654321:key/1")
    assert error_of(stage.ask(encrypt_request(requestMetadata=own))) == ACCESS_DENIED
    assert error_of(stage.ask(encrypt_request(requestMetadata=key))) == ACCESS_DENIED
    assert stage.ask(encrypt_request()).status == 200


def test_the_record_says_by_which_administrative_record_it_was_refused(stage: Stage) -> None:
    stage.freezes.current = frozen(ScopeKind.KEY_STORE, "alpha")
    stage.ask(encrypt_request())
    [record] = stage.records()
    assert record["detail"] == "the key store is frozen (administrative record 12)"


def test_who_is_not_authentic_does_not_learn_what_is_frozen(stage: Stage) -> None:
    stage.freezes.current = frozen(ScopeKind.EVERYTHING)
    assert error_of(stage.ask(encrypt_request(signer=BETA_SIGNER)))[0] == 401


def test_an_answer_that_is_ready_when_the_freeze_comes_does_not_leave(stage: Stage) -> None:
    class FreezesMeanwhile:
        """A key manager during whose work something is frozen."""

        def __init__(self, meanwhile: Callable[[], None]) -> None:
            self._inner = stage.managers[MANAGER]
            self._meanwhile = meanwhile

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

        async def encrypt(self, version: KeyVersion, plaintext: bytes, aad: bytes, deadline: float) -> Sealed:
            self._meanwhile()
            return await self._inner.encrypt(version, plaintext, aad, deadline)  # type: ignore[arg-type]  # of the stage's

    def meanwhile() -> None:
        stage.freezes.current = frozen(ScopeKind.EXTERNAL_KEY, f"alpha/{KEY}")

    stage.managers[MANAGER] = FreezesMeanwhile(meanwhile)  # type: ignore[assignment]  # what it lacks, the inner one has
    assert error_of(stage.ask(encrypt_request(with_integrity_value=False))) == INVALID_STATE
