"""All metrics in the Prometheus text format."""

from __future__ import annotations

import re

import msgspec

from hyok.metrics import names
from hyok.metrics.collection import Collection
from hyok.metrics.exposition import SinkProgress, Surroundings, render_metrics
from hyok.metrics.report import (
    Counts,
    CredentialBirth,
    EncryptionShare,
    FailureCount,
    FlagCount,
    ManagerCalls,
    MemberState,
    OpenConnections,
    ProcessReport,
    ProcessState,
    RefusedCount,
    RequestCount,
)

NOW = 1_764_000_000.0
SINKS = {"siem": SinkProgress(1000, 2, 3, NOW - 12.5), "copy": SinkProgress(1003, 0, 0, 0.0)}
STATE = ProcessState(
    requests_in_flight=2,
    change_log_age_seconds=0.25,
    is_audit_log_failing=False,
    fleet_size=3,
    members=(MemberState("hsm", "token-1", "active"),),
    credentials=(CredentialBirth("dev", "HYOKA", NOW - 3 * 86_400),),
    encryption_shares=(EncryptionShare("software", 0.25),),
    calls=(ManagerCalls("hsm", (3, 2, 1)),),
    connections=(OpenConnections("proxy", 5), OpenConnections("health", 0)),
)


def requests(*, error: str = "", fast: int = 0, slow: int = 0) -> Counts:
    buckets = (fast, *([0] * 8), slow)
    return Counts((RequestCount("dev", "Encrypt", error, buckets, 4_000 * fast + 300_000 * slow),))


def lines_of(collection: Collection) -> list[str]:
    return render_metrics(collection, Surroundings(NOW, NOW + 10 * 86_400, "1.2.3", SINKS)).decode().splitlines()


def values_of(collection: Collection) -> dict[str, str]:
    return dict(line.rsplit(" ", 1) for line in lines_of(collection) if not line.startswith("#"))


def test_sinks_of_the_audit_trail_have_their_progress() -> None:
    values = values_of(Collection())

    assert values['hyok_audit_sink_records_total{sink="siem"}'] == "1000"
    assert values['hyok_audit_sink_failures_total{sink="siem"}'] == "2"
    assert values['hyok_audit_sink_missed_records_total{sink="siem"}'] == "3"
    assert values['hyok_audit_sink_behind_seconds{sink="siem"}'] == "12.5"
    assert values['hyok_audit_sink_behind_seconds{sink="copy"}'] == "0"


def test_requests_are_a_counter_and_a_histogram() -> None:
    collection = Collection()
    collection.take(1, ProcessReport(requests(fast=1, slow=1), STATE))

    lines = lines_of(collection)

    labels = 'key_store="dev",operation="Encrypt",error=""'
    start = lines.index("# TYPE hyok_proxy_requests_total counter") + 1
    assert lines[start : start + 15] == [
        f"hyok_proxy_requests_total{{{labels}}} 2",
        "# HELP hyok_proxy_request_duration_seconds "
        "Time from a request's first byte to its finished answer. AWS KMS gives up after 0.25 s.",
        "# TYPE hyok_proxy_request_duration_seconds histogram",
        *(
            f'hyok_proxy_request_duration_seconds_bucket{{{labels},le="{bound}"}} 1'
            for bound in ("0.005", "0.01", "0.025", "0.035", "0.05", "0.1", "0.15", "0.2", "0.25")
        ),
        f'hyok_proxy_request_duration_seconds_bucket{{{labels},le="+Inf"}} 2',
        f"hyok_proxy_request_duration_seconds_sum{{{labels}}} 0.304000",
        f"hyok_proxy_request_duration_seconds_count{{{labels}}} 2",
    ]


def test_counters_outlive_the_process_that_counted() -> None:
    collection = Collection()
    collection.take(1, ProcessReport(requests(fast=5), STATE))
    collection.forget(1)
    collection.take(2, ProcessReport(requests(fast=2), STATE))

    values = values_of(collection)

    assert values['hyok_proxy_requests_total{key_store="dev",operation="Encrypt",error=""}'] == "7"
    assert values["hyok_proxy_workers"] == "1"


def test_the_states_of_all_processes_are_put_together() -> None:
    collection = Collection()
    collection.take(1, ProcessReport(Counts(), STATE))
    worse = msgspec.structs.replace(
        STATE,
        change_log_age_seconds=12.0,
        is_audit_log_failing=True,
        members=(MemberState("hsm", "token-1", "unavailable"),),
        encryption_shares=(EncryptionShare("software", 0.5),),
    )
    collection.take(2, ProcessReport(Counts(), worse))

    values = values_of(collection)

    assert values["hyok_proxy_workers"] == "2"
    assert values["hyok_proxy_requests_in_flight"] == "4"
    assert values["hyok_proxy_change_log_age_seconds"] == "12"
    assert values["hyok_proxy_audit_log_failing"] == "1"
    assert values["hyok_proxy_fleet_size"] == "3"
    assert values['hyok_proxy_key_encryptions_used_ratio{key_manager="software"}'] == "0.5"
    states = {
        state: values[f'hyok_proxy_key_manager_state{{key_manager="hsm",member="token-1",state="{state}"}}']
        for state in names.MEMBER_STATES
    }
    assert states == {"active": "0", "degraded": "0", "unavailable": "1"}


def test_a_key_manager_is_degraded_while_its_members_differ() -> None:
    collection = Collection()
    members = (
        MemberState("hsms", "a", "active"),
        MemberState("hsms", "b", "unavailable"),
        MemberState("bao", "1", "unavailable"),
        MemberState("bao", "2", "unavailable"),
        MemberState("software", "embedded", "active"),
    )
    collection.take(1, ProcessReport(Counts(), msgspec.structs.replace(STATE, members=members)))

    values = values_of(collection)

    for manager, state in (("hsms", "degraded"), ("bao", "unavailable"), ("software", "active")):
        found = [
            each
            for each in names.MEMBER_STATES
            if values[f'hyok_proxy_key_manager_health{{key_manager="{manager}",state="{each}"}}'] == "1"
        ]
        assert found == [state]


def test_calls_of_key_managers_are_those_of_all_workers() -> None:
    collection = Collection()
    for process, counts in ((1, (3, 2, 1)), (2, (1, 0, 0))):
        state = msgspec.structs.replace(STATE, calls=(ManagerCalls("hsm", counts),))
        collection.take(process, ProcessReport(Counts(), state))

    values = values_of(collection)

    found = [values[f'hyok_proxy_key_manager_calls{{key_manager="hsm",state="{each}"}}'] for each in names.CALL_STATES]
    assert found == ["4", "2", "1"]


def test_connections_are_those_of_all_workers_by_listener() -> None:
    collection = Collection()
    for process in (1, 2):
        refused = (RefusedCount("proxy", "address", process),)
        collection.take(process, ProcessReport(Counts(refused_connections=refused), STATE))

    values = values_of(collection)

    assert values['hyok_proxy_connections_open{listener="proxy"}'] == "10"
    assert values['hyok_proxy_connections_open{listener="health"}'] == "0"
    assert values['hyok_proxy_connections_refused_total{listener="proxy",reason="address"}'] == "3"
    for never in ('listener="proxy",reason="all"', 'listener="health",reason="address"'):
        assert values[f"hyok_proxy_connections_refused_total{{{never}}}"] == "0"


def test_ages_are_counted_to_this_moment() -> None:
    collection = Collection()
    collection.take(1, ProcessReport(Counts(), STATE))

    values = values_of(collection)

    assert values["hyok_proxy_certificate_expires_in_seconds"] == "864000"
    assert values['hyok_proxy_credential_age_seconds{key_store="dev",access_key_id="HYOKA"}'] == "259200"


def test_without_a_process_nothing_is_claimed_of_its_state() -> None:
    values = values_of(Collection())
    assert values.pop('hyok_build_info{version="1.2.3"}') == "1"
    assert {each for each in values if not each.startswith("hyok_audit_sink")} == {
        "hyok_proxy_workers",
        "hyok_proxy_requests_in_flight",
        *(f'hyok_proxy_stage_seconds_total{{stage="{stage}"}}' for stage in names.STAGES),
        "hyok_proxy_certificate_expires_in_seconds",
    }


def test_the_time_in_each_stage_is_told() -> None:
    collection = Collection()
    collection.take(1, ProcessReport(Counts((), (), (0.5, 0.0, 0.0, 2.0)), STATE))
    values = values_of(collection)
    assert values['hyok_proxy_stage_seconds_total{stage="receive"}'] == "0.500000"
    assert values['hyok_proxy_stage_seconds_total{stage="perform"}'] == "2.000000"


def test_authentication_failures_are_counted_by_reason() -> None:
    collection = Collection()
    collection.take(1, ProcessReport(Counts((), (FailureCount("dev", "stale", 3),)), STATE))
    assert values_of(collection)['hyok_proxy_authentication_failures_total{key_store="dev",reason="stale"}'] == "3"


def test_series_are_rendered_in_a_stable_order() -> None:
    collection = Collection()
    for error in ("InternalException", "", "AccessDeniedException"):
        collection.take(1, ProcessReport(requests(error=error, fast=1), STATE))

    counters = [line for line in lines_of(collection) if "requests_total{" in line]
    assert counters == sorted(counters)
    assert len(counters) == 3


def test_label_values_are_escaped() -> None:
    collection = Collection()
    counts = Counts((RequestCount('a"b\\c\nd', "Encrypt", "", (1, *([0] * 9)), 1),))
    collection.take(1, ProcessReport(counts, STATE))
    assert r'key_store="a\"b\\c\nd"' in "\n".join(lines_of(collection))


def test_every_metric_is_rendered_with_its_labels_and_no_other() -> None:
    collection = Collection()
    flagged = (FlagCount("dev", "first-use", 1),)
    counts = Counts(requests(fast=1).requests, (FailureCount("dev", "stale", 1),), flagged=flagged)
    collection.take(1, ProcessReport(counts, STATE))

    rendered: dict[str, set[str]] = {}
    for series in values_of(collection):
        name, _, labels = series.partition("{")
        rendered[name] = set(re.findall(r'(\w+)="', labels)) - {"le"}

    assert rendered == {name: set(metric.labels) for metric in names.ALL for name in metric.series_names}
