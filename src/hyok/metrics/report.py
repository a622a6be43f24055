"""What one process tells the one that answers Prometheus: what it has counted since the last time, and how it is."""

from __future__ import annotations

import msgspec

from hyok.metrics.names import STAGES


class RequestCount(msgspec.Struct, frozen=True, array_like=True):
    """Requests of one key store and operation that ended in one way."""

    key_store: str
    operation: str
    error: str
    buckets: tuple[int, ...]
    """Not cumulative; the last is for what no bound holds."""
    sum_us: int


class FailureCount(msgspec.Struct, frozen=True, array_like=True):
    """Requests to one key store that were not authentic for one reason."""

    key_store: str
    reason: str
    count: int


class FlagCount(msgspec.Struct, frozen=True, array_like=True):
    """Requests to one key store that had a flag."""

    key_store: str
    flag: str
    count: int


class RefusedCount(msgspec.Struct, frozen=True, array_like=True):
    """Connections to one listener that were closed at once; `reason` is one of `names.CONNECTION_LIMITS`."""

    listener: str
    reason: str
    count: int


class Counts(msgspec.Struct, frozen=True):
    """What was counted since the last report."""

    requests: tuple[RequestCount, ...] = ()
    authentication_failures: tuple[FailureCount, ...] = ()
    stage_seconds: tuple[float, ...] = (0.0,) * len(STAGES)
    """In the order of `names.STAGES`."""
    flagged: tuple[FlagCount, ...] = ()
    refused_connections: tuple[RefusedCount, ...] = ()


class MemberState(msgspec.Struct, frozen=True, array_like=True):
    """How a member of a key manager is; `state` is one of `names.MEMBER_STATES`."""

    key_manager: str
    member: str
    state: str


class ManagerCalls(msgspec.Struct, frozen=True, array_like=True):
    """How the calls of a key manager stand, in the order of `names.CALL_STATES`."""

    key_manager: str
    counts: tuple[int, ...]


class OpenConnections(msgspec.Struct, frozen=True, array_like=True):
    """How many connections a listener has, those whose handshake is under way included."""

    listener: str
    count: int


class CredentialBirth(msgspec.Struct, frozen=True, array_like=True):
    """When an active credential was created, in Unix seconds."""

    key_store: str
    access_key_id: str
    created_at: float


class EncryptionShare(msgspec.Struct, frozen=True, array_like=True):
    """How much a key manager has given out of what one key version may encrypt, for the key where it is most."""

    key_manager: str
    share: float
    """From 0 to 1."""


class ProcessState(msgspec.Struct, frozen=True, kw_only=True):
    """How a process is at this moment."""

    requests_in_flight: int
    change_log_age_seconds: float
    is_audit_log_failing: bool
    fleet_size: int
    members: tuple[MemberState, ...]
    credentials: tuple[CredentialBirth, ...]
    encryption_shares: tuple[EncryptionShare, ...] = ()
    calls: tuple[ManagerCalls, ...] = ()
    connections: tuple[OpenConnections, ...] = ()


class ProcessReport(msgspec.Struct, frozen=True):
    """What a process tells of itself, every second and once more at its end."""

    counts: Counts
    state: ProcessState
