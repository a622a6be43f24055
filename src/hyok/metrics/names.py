"""Every metric, label and bucket."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple


class Kind(Enum):
    """What Prometheus makes of a metric's numbers; the value is its word for it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Metric(NamedTuple):
    """A metric, as users find it."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()

    @property
    def series_names(self) -> tuple[str, ...]:
        """The names that queries use."""
        if self.kind is Kind.HISTOGRAM:
            return tuple(f"{self.name}_{part}" for part in ("bucket", "sum", "count"))
        return (self.name,)


DURATION_BUCKETS_MS: Final = (5, 10, 25, 35, 50, 100, 150, 200, 250)
"""Upper bounds in milliseconds; 35 is the round trip that the XKS proxy API recommends, 250 its limit."""

MEMBER_STATES: Final = ("active", "degraded", "unavailable")
"""Of a key manager's member, from the best to the worst."""

CALL_STATES: Final = ("running", "queued", "hanging")
"""Of a key manager's calls: with whom they are, waiting to be, or given up by who called and still under way."""

CONNECTION_LIMITS: Final = ("all", "address")
"""Why a connection is closed at once: too many are open, in all or from its client's address."""

STAGES: Final = ("receive", "authenticate", "decode", "perform")
"""Of a request, in order: until its last byte, until it is proven, until it is admitted and understood, until the key
manager has answered. What is left is the answer's encoding and the record."""

REQUESTS: Final = Metric(
    "hyok_proxy_requests_total",
    Kind.COUNTER,
    "Requests to the external key store proxy; error is empty for those that succeeded.",
    ("key_store", "operation", "error"),
)
REQUEST_DURATION: Final = Metric(
    "hyok_proxy_request_duration_seconds",
    Kind.HISTOGRAM,
    "Time from a request's first byte to its finished answer. AWS KMS gives up after 0.25 s.",
    ("key_store", "operation", "error"),
)
STAGE_DURATION: Final = Metric(
    "hyok_proxy_stage_seconds_total",
    Kind.COUNTER,
    "Time that all requests that succeeded spent in one stage of the proxy, together.",
    ("stage",),
)
REQUESTS_IN_FLIGHT: Final = Metric(
    "hyok_proxy_requests_in_flight", Kind.GAUGE, "Requests that wait for a key manager now."
)
AUTHENTICATION_FAILURES: Final = Metric(
    "hyok_proxy_authentication_failures_total",
    Kind.COUNTER,
    "Requests refused because nothing proved who sent them, by the reason.",
    ("key_store", "reason"),
)
FLAGGED_REQUESTS: Final = Metric(
    "hyok_proxy_flagged_requests_total",
    Kind.COUNTER,
    "Requests that secondary authorization found remarkable, by the flag that stands in their audit records.",
    ("key_store", "flag"),
)
CONNECTIONS_OPEN: Final = Metric(
    "hyok_proxy_connections_open",
    Kind.GAUGE,
    "Open connections of all workers, from accept on, by the listener.",
    ("listener",),
)
CONNECTIONS_REFUSED: Final = Metric(
    "hyok_proxy_connections_refused_total",
    Kind.COUNTER,
    "Connections closed at once because their worker had all that it takes, in all or from the client's address.",
    ("listener", "reason"),
)
CERTIFICATE_EXPIRY: Final = Metric(
    "hyok_proxy_certificate_expires_in_seconds",
    Kind.GAUGE,
    "Time until the server certificate in force expires; negative once it has.",
)
CREDENTIAL_AGE: Final = Metric(
    "hyok_proxy_credential_age_seconds",
    Kind.GAUGE,
    "Time since an active credential was created.",
    ("key_store", "access_key_id"),
)
KEY_MANAGER_STATE: Final = Metric(
    "hyok_proxy_key_manager_state",
    Kind.GAUGE,
    "1 for the state of a key manager's member, as the last deep check found it; the worst of all workers.",
    ("key_manager", "member", "state"),
)
KEY_MANAGER_HEALTH: Final = Metric(
    "hyok_proxy_key_manager_health",
    Kind.GAUGE,
    "1 for the state of a key manager as a whole: active or unavailable if all its members are, else degraded.",
    ("key_manager", "state"),
)
ENCRYPTIONS_USED: Final = Metric(
    "hyok_proxy_key_encryptions_used_ratio",
    Kind.GAUGE,
    "Of the 2^32 encryptions that one version of an embedded key may do, the part given out, where it is most.",
    ("key_manager",),
)
KEY_MANAGER_CALLS: Final = Metric(
    "hyok_proxy_key_manager_calls",
    Kind.GAUGE,
    "Calls of a key manager that run, wait in its queue, or hang although nobody waits for them any more.",
    ("key_manager", "state"),
)
CHANGE_LOG_AGE: Final = Metric(
    "hyok_proxy_change_log_age_seconds",
    Kind.GAUGE,
    "For how long the change log has not been read, in the worker where it is longest. After 15 s keys are refused.",
)
AUDIT_LOG_FAILING: Final = Metric(
    "hyok_proxy_audit_log_failing", Kind.GAUGE, "1 if a worker cannot write its audit log and therefore refuses all."
)
AUDIT_SINK_RECORDS: Final = Metric(
    "hyok_audit_sink_records_total", Kind.COUNTER, "Audit records that a sink has taken.", ("sink",)
)
AUDIT_SINK_FAILURES: Final = Metric(
    "hyok_audit_sink_failures_total", Kind.COUNTER, "Attempts to send that an audit sink refused.", ("sink",)
)
AUDIT_SINK_MISSED: Final = Metric(
    "hyok_audit_sink_missed_records_total",
    Kind.COUNTER,
    "Audit records that were retired before a sink had taken them.",
    ("sink",),
)
AUDIT_SINK_BEHIND: Final = Metric(
    "hyok_audit_sink_behind_seconds",
    Kind.GAUGE,
    "Age of the oldest audit record that a sink has not taken yet; 0 if it has all.",
    ("sink",),
)
FLEET_SIZE: Final = Metric(
    "hyok_proxy_fleet_size", Kind.GAUGE, "Proxies that serve from the same storage, this one included."
)
WORKERS: Final = Metric("hyok_proxy_workers", Kind.GAUGE, "Worker processes that serve.")
BUILD_INFO: Final = Metric("hyok_build_info", Kind.GAUGE, "1, for the version that runs.", ("version",))

ALL: Final = (
    REQUESTS,
    REQUEST_DURATION,
    STAGE_DURATION,
    REQUESTS_IN_FLIGHT,
    AUTHENTICATION_FAILURES,
    FLAGGED_REQUESTS,
    CONNECTIONS_OPEN,
    CONNECTIONS_REFUSED,
    CERTIFICATE_EXPIRY,
    CREDENTIAL_AGE,
    KEY_MANAGER_STATE,
    KEY_MANAGER_HEALTH,
    ENCRYPTIONS_USED,
    KEY_MANAGER_CALLS,
    CHANGE_LOG_AGE,
    AUDIT_LOG_FAILING,
    AUDIT_SINK_RECORDS,
    AUDIT_SINK_FAILURES,
    AUDIT_SINK_MISSED,
    AUDIT_SINK_BEHIND,
    FLEET_SIZE,
    WORKERS,
    BUILD_INFO,
)
