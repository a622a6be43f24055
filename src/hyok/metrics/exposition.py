"""All metrics in the Prometheus text format, version 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from hyok.metrics import names
from hyok.metrics.collection import Collection
from hyok.metrics.names import Metric
from hyok.metrics.registry import MetricsRegistry, RequestSeries
from hyok.metrics.report import ProcessState

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"

_LABEL_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_RANK: Final = {state: rank for rank, state in enumerate(names.MEMBER_STATES)}


class Surroundings(NamedTuple):
    """What the process that answers Prometheus knows by itself."""

    now: float
    """Unix seconds, as the next."""
    certificate_expires_at: float
    version: str
    sinks: Mapping[str, SinkProgress] = {}
    """By name."""


class SinkProgress(NamedTuple):
    """How it goes with one sink of the audit trail."""

    sent_records: int
    failures: int
    missed_records: int
    oldest_unsent: float
    """When the oldest record was made that it has not taken yet, in Unix seconds; 0 if there is none."""


def render_metrics(collection: Collection, surroundings: Surroundings) -> bytes:
    """Render everything that there is to tell."""
    lines = [
        *_counter_lines(names.REQUESTS, ((key, one.count) for key, one in collection.counts.requests().items())),
        *_histogram_lines(names.REQUEST_DURATION, collection.counts),
        *_stage_lines(collection.counts),
        *_counter_lines(names.AUTHENTICATION_FAILURES, collection.counts.authentication_failures().items()),
        *_counter_lines(names.FLAGGED_REQUESTS, collection.counts.flagged().items()),
        *_connection_lines(collection),
        *_state_lines(collection.states(), surroundings.now),
        *_gauge_lines(names.CERTIFICATE_EXPIRY, {(): surroundings.certificate_expires_at - surroundings.now}),
        *_sink_lines(surroundings),
        *_gauge_lines(names.BUILD_INFO, {(surroundings.version,): 1}),
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def _connection_lines(collection: Collection) -> Iterator[str]:
    found: dict[tuple[str, ...], float] = {}
    for state in collection.states():
        for each in state.connections:
            found[each.listener,] = found.get((each.listener,), 0) + each.count
    yield from _gauge_lines(names.CONNECTIONS_OPEN, found)
    # From zero on: Prometheus sees no increase in a series that begins with its first event.
    refused = {(listener, reason): 0 for (listener,) in found for reason in names.CONNECTION_LIMITS}
    yield from _counter_lines(
        names.CONNECTIONS_REFUSED, (refused | dict(collection.counts.refused_connections())).items()
    )


def _sink_lines(surroundings: Surroundings) -> Iterator[str]:
    sinks = surroundings.sinks.items()
    yield from _counter_lines(names.AUDIT_SINK_RECORDS, [((name,), each.sent_records) for name, each in sinks])
    yield from _counter_lines(names.AUDIT_SINK_FAILURES, [((name,), each.failures) for name, each in sinks])
    yield from _counter_lines(names.AUDIT_SINK_MISSED, [((name,), each.missed_records) for name, each in sinks])
    behind: dict[tuple[str, ...], float] = {
        (name,): surroundings.now - each.oldest_unsent if each.oldest_unsent else 0.0 for name, each in sinks
    }
    yield from _gauge_lines(names.AUDIT_SINK_BEHIND, behind)


def _state_lines(states: Sequence[ProcessState], now: float) -> Iterator[str]:
    yield from _gauge_lines(names.WORKERS, {(): len(states)})
    yield from _gauge_lines(names.REQUESTS_IN_FLIGHT, {(): sum(state.requests_in_flight for state in states)})
    members = _worst_ranks(states)
    yield from _gauge_lines(names.KEY_MANAGER_STATE, _as_states(members))
    yield from _gauge_lines(names.KEY_MANAGER_HEALTH, _as_states(_ranks_as_wholes(members)))
    yield from _gauge_lines(names.KEY_MANAGER_CALLS, _calls(states))
    yield from _gauge_lines(
        names.CREDENTIAL_AGE,
        {(each.key_store, each.access_key_id): now - each.created_at for state in states for each in state.credentials},
    )
    yield from _gauge_lines(names.ENCRYPTIONS_USED, _largest_shares(states))
    if states:  # else nobody knows
        ages = max(state.change_log_age_seconds for state in states)
        yield from _gauge_lines(names.CHANGE_LOG_AGE, {(): ages})
        yield from _gauge_lines(names.AUDIT_LOG_FAILING, {(): any(state.is_audit_log_failing for state in states)})
        yield from _gauge_lines(names.FLEET_SIZE, {(): max(state.fleet_size for state in states)})


def _largest_shares(states: Sequence[ProcessState]) -> dict[tuple[str, ...], float]:
    """Return what each key manager has given out; a worker that has not used the key does not know of it."""
    largest: dict[tuple[str, ...], float] = {}
    for state in states:
        for each in state.encryption_shares:
            largest[each.key_manager,] = max(each.share, largest.get((each.key_manager,), 0.0))
    return largest


def _calls(states: Sequence[ProcessState]) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = {}
    for state in states:
        for each in state.calls:
            for name, count in zip(names.CALL_STATES, each.counts, strict=True):
                labels = (each.key_manager, name)
                found[labels] = found.get(labels, 0) + count
    return found


def _worst_ranks(states: Sequence[ProcessState]) -> dict[tuple[str, ...], int]:
    """Return how each member of a key manager is, where it looks worst."""
    worst: dict[tuple[str, ...], int] = {}
    for state in states:
        for each in state.members:
            member = (each.key_manager, each.member)
            worst[member] = max(_RANK[each.state], worst.get(member, 0))
    return worst


def _ranks_as_wholes(members: Mapping[tuple[str, ...], int]) -> dict[tuple[str, ...], int]:
    ranks: dict[tuple[str, ...], set[int]] = {}
    for (manager, _), rank in members.items():
        ranks.setdefault((manager,), set()).add(rank)
    # Alike they speak for the whole; where they differ, something serves and something does not.
    return {manager: found.pop() if len(found) == 1 else _RANK["degraded"] for manager, found in ranks.items()}


def _as_states(ranks: Mapping[tuple[str, ...], int]) -> dict[tuple[str, ...], float]:
    return {(*labels, state): rank == found for labels, found in ranks.items() for state, rank in _RANK.items()}


def _counter_lines(metric: Metric, values: Iterable[tuple[tuple[str, ...], int]]) -> Iterator[str]:
    yield from _head_lines(metric)
    for labels, value in sorted(values):
        yield f"{metric.name}{_labels(metric, labels)} {value}"


def _gauge_lines(metric: Metric, values: Mapping[tuple[str, ...], float]) -> Iterator[str]:
    yield from _head_lines(metric)
    for labels, value in sorted(values.items()):
        yield f"{metric.name}{_labels(metric, labels)} {value:.10g}"


def _histogram_lines(metric: Metric, counts: MetricsRegistry) -> Iterator[str]:
    yield from _head_lines(metric)
    for labels, series in sorted(counts.requests().items(), key=lambda item: item[0]):
        yield from _series_lines(metric, labels, series)


def _series_lines(metric: Metric, labels: tuple[str, ...], series: RequestSeries) -> Iterator[str]:
    # Prometheus wants each bucket to hold all that took no longer than its bound.
    count = 0
    for bound_ms, in_bucket in zip(names.DURATION_BUCKETS_MS, series.buckets, strict=False):
        count += in_bucket
        yield f"{metric.name}_bucket{_labels(metric, labels, [('le', f'{bound_ms / 1000:g}')])} {count}"
    yield f"{metric.name}_bucket{_labels(metric, labels, [('le', '+Inf')])} {series.count}"
    yield f"{metric.name}_sum{_labels(metric, labels)} {series.sum_us / 1e6:.6f}"
    yield f"{metric.name}_count{_labels(metric, labels)} {series.count}"


def _stage_lines(counts: MetricsRegistry) -> Iterator[str]:
    yield from _head_lines(names.STAGE_DURATION)
    for stage, seconds in zip(names.STAGES, counts.stages.as_tuple(), strict=True):
        yield f"{names.STAGE_DURATION.name}{_labels(names.STAGE_DURATION, (stage,))} {seconds:.6f}"


def _head_lines(metric: Metric) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.help}"
    yield f"# TYPE {metric.name} {metric.kind.value}"


def _labels(metric: Metric, values: tuple[str, ...], more: Iterable[tuple[str, str]] = ()) -> str:
    pairs = [*zip(metric.labels, values, strict=True), *more]
    if not pairs:
        return ""
    return "{" + ",".join(f'{name}="{value.translate(_LABEL_ESCAPES)}"' for name, value in pairs) + "}"
