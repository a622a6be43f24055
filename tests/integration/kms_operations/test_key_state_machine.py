"""Keys, their store and time, moved at random: every operation says what AWS's table says of the state it meets.

The table is transcribed from the guide a second time in `tests/unit/kms/test_key_states.py`; here the service is held
to it through whole requests, whatever came before.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hyok.awsjson.errors import AwsError
from hyok.kms.connection_state import ConnectionState
from hyok.kms.values import KeyState
from tests.sizes import size
from tests.unit.kms.running import RunningKms, running_kms
from tests.unit.kms.test_key_states import GUIDE, NOT_CONNECTED, OK

DAYS = 86_400
STATES = (KeyState.ENABLED, KeyState.DISABLED, KeyState.PENDING_DELETION, KeyState.UNAVAILABLE)
TABLE = {
    (operation, state): refusal
    for operations, *refusals in GUIDE
    for operation in operations.split()
    for state, refusal in zip(STATES, refusals, strict=True)
}
ORDINARY_ONLY = {
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "EnableKeyRotation",
    "DisableKeyRotation",
    "RotateKeyOnDemand",
    "GetKeyRotationStatus",
    "ListKeyRotations",
}
WITHOUT_EFFECT = sorted(
    {operation for operation, _ in TABLE}
    - {"EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion"}
    - {"CreateAlias", "UpdateAlias", "DeleteAlias", "ListAliases", "RetireGrant", "RevokeGrant"}
)
"""Those that need nothing but the key, and leave its state."""


@dataclass
class Model:
    """What a key must be, by the guide's words."""

    arn: str
    is_external: bool
    blob: bytes
    stored: KeyState = KeyState.ENABLED
    days_left: int = 0


class KeyStates(RuleBasedStateMachine):
    """One ordinary key and one in an external key store."""

    kms: RunningKms
    keys: list[Model]

    @initialize()
    def begin(self) -> None:
        self.stack = ExitStack()
        directory = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="hyok-states-"))
        self.kms = self.stack.enter_context(running_kms(Path(directory)))
        self.kms.add_store()
        self.is_connected = True
        self.keys = [self.new_key(is_external=False), self.new_key(is_external=True)]

    def new_key(self, *, is_external: bool) -> Model:
        arn = self.kms.create_external_key() if is_external else self.kms.create_key()
        return Model(arn, is_external, self.kms.call("Encrypt", {"KeyId": arn, "Plaintext": b"x"})["CiphertextBlob"])

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    def seen(self, key: Model) -> KeyState:
        """Unavailable hides Enabled and Disabled, never PendingDeletion."""
        if key.is_external and not self.is_connected and key.stored is not KeyState.PENDING_DELETION:
            return KeyState.UNAVAILABLE
        return key.stored

    def expect(self, operation: str, key: Model) -> bool:
        """Carry out an operation, compare what it says with the table, and tell whether it was done."""
        refusal = self.expected(operation, key)
        try:
            self.kms.call(operation, {"KeyId": key.arn, **self.members(operation, key)})
            said = OK
        except AwsError as error:
            said = str(error)
        assert said == refusal, (operation, self.seen(key))
        return refusal == OK

    def expected(self, operation: str, key: Model) -> str:
        if key.is_external and operation in ORDINARY_ONLY:
            return (
                f"UnsupportedOperationException: {key.arn} origin is EXTERNAL_KEY_STORE which is not valid for this "
                "operation."
            )
        refusal = TABLE[operation, self.seen(key)]
        if refusal == NOT_CONNECTED:
            return refusal
        kind, _, text = refusal.partition(": ")
        return f"{kind}: {key.arn} {text.split(' ', 1)[1]}" if refusal else OK

    def members(self, operation: str, key: Model) -> dict[str, object]:
        members: dict[str, dict[str, object]] = {
            "Encrypt": {"Plaintext": b"x"},
            "Decrypt": {"CiphertextBlob": key.blob},
            "ReEncrypt": {"CiphertextBlob": key.blob, "DestinationKeyId": key.arn, "SourceKeyId": key.arn},
            "GenerateDataKey": {"KeySpec": "AES_256"},
            "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_256"},
            "GenerateDataKeyPair": {"KeyPairSpec": "ECC_NIST_EDWARDS25519"},
            "GenerateDataKeyPairWithoutPlaintext": {"KeyPairSpec": "ECC_NIST_EDWARDS25519"},
            "CreateGrant": {
                "GranteePrincipal": "arn:aws:iam::123456789012:root",
                "Operations": ["Encrypt"],
                "Name": "g",
            },
            "TagResource": {"Tags": [{"TagKey": "a", "TagValue": "1"}]},
            "UntagResource": {"TagKeys": ["a"]},
            "UpdateKeyDescription": {"Description": "x"},
            "PutKeyPolicy": {"Policy": self.kms.call("GetKeyPolicy", {"KeyId": key.arn})["Policy"]},
            "ScheduleKeyDeletion": {"PendingWindowInDays": 7},
        }
        return members.get(operation, {})

    @rule(is_external=st.booleans(), operation=st.sampled_from(WITHOUT_EFFECT))
    def use(self, is_external: bool, operation: str) -> None:
        self.expect(operation, self.keys[is_external])

    @rule(is_external=st.booleans())
    def disable(self, is_external: bool) -> None:
        if self.expect("DisableKey", self.keys[is_external]):
            self.keys[is_external].stored = KeyState.DISABLED

    @rule(is_external=st.booleans())
    def enable(self, is_external: bool) -> None:
        if self.expect("EnableKey", self.keys[is_external]):
            self.keys[is_external].stored = KeyState.ENABLED

    @rule(is_external=st.booleans())
    def schedule_deletion(self, is_external: bool) -> None:
        key = self.keys[is_external]
        if self.expect("ScheduleKeyDeletion", key):
            key.stored, key.days_left = KeyState.PENDING_DELETION, 7

    @rule(is_external=st.booleans())
    def cancel_deletion(self, is_external: bool) -> None:
        if self.expect("CancelKeyDeletion", self.keys[is_external]):
            self.keys[is_external].stored = KeyState.DISABLED

    @rule(state=st.sampled_from(ConnectionState))
    def move_store(self, state: ConnectionState) -> None:
        self.kms.set_store_state(state)
        self.is_connected = state is ConnectionState.CONNECTED

    @precondition(lambda self: self.is_connected)
    @rule(days=st.integers(1, 4))
    def wait(self, days: int) -> None:
        self.kms.schedule_clock.advance(days * DAYS + 1)
        self.kms.run(self.kms.schedule.delete_due())
        for index, key in enumerate(self.keys):
            key.days_left -= days
            if key.stored is KeyState.PENDING_DELETION and key.days_left <= 0:
                self.assert_gone(key)
                self.keys[index] = self.new_key(is_external=key.is_external)

    def assert_gone(self, key: Model) -> None:
        for operation in ("DescribeKey", "CancelKeyDeletion", "Encrypt"):
            with pytest.raises(AwsError, match=f"NotFoundException: Key '{key.arn}' does not exist"):
                self.kms.call(operation, {"KeyId": key.arn, "Plaintext": b"x"})

    @invariant()
    def keys_are_described_as_they_are(self) -> None:
        for key in getattr(self, "keys", ()):
            metadata = self.kms.call("DescribeKey", {"KeyId": key.arn})["KeyMetadata"]
            assert metadata["KeyState"] == self.seen(key).value
            assert metadata["Enabled"] is (self.seen(key) is KeyState.ENABLED)
            assert ("DeletionDate" in metadata) is (key.stored is KeyState.PENDING_DELETION)


TestKeyStates = KeyStates.TestCase
TestKeyStates.settings = settings(
    derandomize=True,
    deadline=None,
    max_examples=size(usual=15, nightly=300),
    stateful_step_count=size(usual=40, nightly=100),
)
