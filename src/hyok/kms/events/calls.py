"""Makes events of calls, and of what KMS does by itself, and has them recorded."""

from __future__ import annotations

from typing import Final

from hyok.awsjson.errors import AwsError
from hyok.clock import Clock
from hyok.kms.call import Call
from hyok.kms.events.event import ClientAttributes, event_of_deletion, event_of_rotation, events_of_call
from hyok.kms.events.recorder import EventRecorder
from hyok.kms.values import KmsKey, RotationType
from hyok.sigv4.authorization import parse_authorization
from hyok.sigv4.errors import SignatureError
from hyok.transport.messages import HttpRequest

_USER_AGENT_CHARACTERS: Final = 1024
_ON_DEMAND: Final = "RotateKeyOnDemand"


class Events:
    """What the services tell of. Never waits and never fails: a call must not suffer from its event."""

    def __init__(self, recorder: EventRecorder, clock: Clock) -> None:
        self._recorder = recorder
        self._clock = clock

    def called(self, call: Call, request: HttpRequest, user_id: str, error: AwsError | None) -> None:
        """Record a call that was answered, or refused with `error`."""
        if call.trace is None:
            return
        client = ClientAttributes(
            user_id=user_id,
            access_key_id=_access_key_id(request),
            user_agent=request.header(b"user-agent")[:_USER_AGENT_CHARACTERS].decode("latin-1"),
        )
        now = self._clock.now()
        self._recorder.record(events_of_call(call, call.trace, client, at=now, error=error))
        if call.operation == _ON_DEMAND and error is None:
            self.rotated(call.trace.keys[0], RotationType.ON_DEMAND)

    def deleted(self, key: KmsKey) -> None:
        """Record that a key was deleted at its date."""
        self._recorder.record([event_of_deletion(key, at=self._clock.now())])

    def rotated(self, key: KmsKey, rotation_type: RotationType) -> None:
        """Record that a key, given as it was before, got fresh material."""
        self._recorder.record([event_of_rotation(key, rotation_type, at=self._clock.now())])


def _access_key_id(request: HttpRequest) -> str:
    try:
        return parse_authorization(request.authorization).access_key_id.decode("latin-1")
    except SignatureError:
        return ""  # where unsigned calls are let in
