"""A caller of KMS with an unmodified client of the AWS SDK: its calls timed, traced, or expected to be refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import ClientError

from hyok.dev.hops import Hop, hops_of
from hyok.dev.narration import Narrator
from hyok.dev.protected_object import ProtectedObject
from hyok.dev.stopwatch import Stopwatch
from hyok.errors import NotDoneError

_POLL_SECONDS: Final = 0.02
_STATE_CHANGE_SECONDS: Final = 10.0


class Caller:
    """Whoever uses a KMS key in the walk-through."""

    def __init__(self, client: Any, narrator: Narrator, stopwatch: Stopwatch) -> None:
        self._client = client
        self._narrator = narrator
        self._stopwatch = stopwatch

    def list_all(self, operation: str, member: str) -> list[dict[str, Any]]:
        """Return what an operation lists, from all of its pages: a kept folder may hold more than one."""
        answer = self._client.get_paginator(operation).paginate().build_full_result()
        found: list[dict[str, Any]] = answer[member]
        return found

    def create_key(self, store_id: str, xks_key_id: str, description: str) -> dict[str, Any]:
        """Create a KMS key over an external key; returns its KeyMetadata."""
        answer = self._client.create_key(
            Origin="EXTERNAL_KEY_STORE",
            CustomKeyStoreId=store_id,
            XksKeyId=xks_key_id,
            Description=description,
        )
        metadata: dict[str, Any] = answer["KeyMetadata"]
        return metadata

    def decrypt(self, protected: ProtectedObject) -> dict[str, Any]:
        """Have the data key of an object unwrapped."""
        answer: dict[str, Any] = self._client.decrypt(
            CiphertextBlob=protected.wrapped_data_key, EncryptionContext=protected.encryption_context
        )
        return answer

    def connection_state(self, store_id: str) -> str:
        """Return the ConnectionState of a custom key store. NotDoneError if that is FAILED."""
        store = self._client.describe_custom_key_stores(CustomKeyStoreId=store_id)["CustomKeyStores"][0]
        state: str = store["ConnectionState"]
        if state == "FAILED":
            raise NotDoneError(f"the key store's connection failed: {store['ConnectionErrorCode']}")
        return state

    def await_state(self, store_id: str, wanted: str) -> list[str]:
        """Return the states on the way to the one that is wanted. NotDoneError if it does not come."""
        seen: list[str] = []
        give_up = time.monotonic() + _STATE_CHANGE_SECONDS
        while time.monotonic() < give_up:
            state = self.connection_state(store_id)
            if state not in seen:
                seen.append(state)
            if state == wanted:
                return seen
            time.sleep(_POLL_SECONDS)
        raise NotDoneError(f"the key store is {seen[-1]} after {_STATE_CHANGE_SECONDS:.0f} s, not {wanted}")

    def time(self, call: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], float]:
        """Return what a call answers, and after how many milliseconds."""
        started = time.monotonic()
        answer = call()
        return answer, (time.monotonic() - started) * 1000

    def trace(
        self, contents: tuple[str, ...], call: Callable[[], dict[str, Any]]
    ) -> tuple[dict[str, Any], tuple[Hop, ...]]:
        """Return what a call answers, and the hops that it took, whose contents are named."""
        self._stopwatch.restart()
        started = time.monotonic()
        answer = call()
        return answer, hops_of(self._stopwatch.crossings, contents, started=started, ended=time.monotonic())

    def expect_refusal(self, label: str, call: Callable[[], object], exception: str) -> None:
        """Show that a call is refused with this exception. NotDoneError if it is not."""
        try:
            call()
        except ClientError as error:
            name, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            require(name == exception, f"{label}: {name} instead of {exception}")
            self._narrator.refusal(label, f"{name}: {message}")
        else:
            raise NotDoneError(f"{label}: was not refused; {exception} was due")


def require(condition: bool, otherwise: str) -> None:
    """NotDoneError unless the condition holds."""
    if not condition:
        raise NotDoneError(f"the walk-through found a fault in hyok: {otherwise}")
