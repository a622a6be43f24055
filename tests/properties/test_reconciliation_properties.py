"""Any calls, told by both sides, are clean; whatever one side leaves out is found, and nothing else."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from hyok.audit.event import encode_record
from hyok.audit.reader import StoredRecord
from hyok.audit.reconciliation.cloudtrail import parse_event
from hyok.audit.reconciliation.matching import XKS_OPERATIONS, Rules, judge
from hyok.audit.reconciliation.objects import split_objects
from hyok.audit.reconciliation.partitions import RequestGroup
from hyok.audit.reconciliation.uses import parse_use
from tests.unit.audit.reconciliation.sides import a_use, an_event, of_another_service

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.lists(st.dictionaries(st.text() | st.just("eventVersion"), JSON, max_size=4), max_size=6)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": ")])
RULES = Rules(is_judged=lambda _time: True, is_held=lambda event: bool(event.xks_key_ids))


@given(OBJECTS, SEPARATORS, st.none() | st.integers(0, 3), st.booleans(), st.integers(1, 300))
def test_what_a_json_reader_reads_is_cut_out_however_it_arrives(
    objects: list[dict[str, Any]],
    separators: tuple[str, str],
    indent: int | None,
    as_lines: bool,
    chunk_bytes: int,
) -> None:
    if as_lines:
        text = "".join(json.dumps(each, separators=separators) + "\n" for each in objects)
    else:
        text = json.dumps({"Records": objects}, separators=separators, indent=indent)
    stream = text.encode()
    chunks = (stream[at : at + chunk_bytes] for at in range(0, len(stream), chunk_bytes))
    assert [json.loads(each) for each in split_objects(chunks)] == objects


class _Call(NamedTuple):
    operation: str
    attempts: int
    is_told_by_proxy: bool
    is_told_by_cloudtrail: bool
    copies: int


CALLS = st.lists(
    st.builds(
        _Call,
        st.sampled_from(sorted(XKS_OPERATIONS)),
        st.integers(1, 2),
        st.booleans(),
        st.booleans(),
        st.integers(1, 3),
    ),
    max_size=20,
)


@given(CALLS, st.randoms(use_true_random=False))
def test_what_one_side_leaves_out_is_found_and_nothing_else(calls: list[_Call], source: Any) -> None:
    entries: list[Any] = [parse_event(json.dumps(of_another_service()).encode())]
    wanted = []
    for number, call in enumerate(calls):
        request_id = str(number)
        if call.is_told_by_proxy:
            for asked in XKS_OPERATIONS[call.operation]:
                record = a_use(request_id, call.operation, asks=asked)
                line = encode_record(record)
                entries += [parse_use(StoredRecord(record.time, "proxy-1", 0, 1, 1, 0, line))] * call.attempts
        if call.is_told_by_cloudtrail:
            event = json.dumps(an_event(request_id, call.operation)).encode()
            entries += [parse_event(event)] * call.copies
        if call.is_told_by_proxy and not call.is_told_by_cloudtrail:
            asked_for = len(XKS_OPERATIONS[call.operation])
            wanted += [("unknown_use", request_id)] * (asked_for * call.attempts)
        if call.is_told_by_cloudtrail and not call.is_told_by_proxy:
            wanted.append(("unseen_event", request_id))
    source.shuffle(entries)
    groups: dict[str, RequestGroup] = {}
    for entry in entries:
        if entry is not None:
            groups.setdefault(entry.request_id, RequestGroup(entry.request_id)).add(entry)
    found = [(each.finding.value, each.request_id) for group in groups.values() for each in judge(group, RULES)]
    assert sorted(found) == sorted(wanted)
