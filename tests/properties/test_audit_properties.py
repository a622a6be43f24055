"""The audit trail: trees and proofs agree at every size, notes come back as written, differences are found."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyok.audit.checkpoints import Checkpoint, open_checkpoint
from hyok.audit.errors import NoteError
from hyok.audit.event import RequestRecord, encode_record
from hyok.audit.findings import FindingKind
from hyok.audit.formats import encode_cef, encode_jsonl
from hyok.audit.location import find_differences
from hyok.audit.notes import Signer, parse_note
from hyok.audit.proof_checking import Consistency, Inclusion, check_consistency, check_inclusion, parse_proof
from hyok.audit.proofs import LogHashes, prove_consistency, prove_inclusion
from hyok.audit.tree import MerkleTree, hash_leaf
from hyok.xks.messages import RequestMetadata
from tests.sizes import size
from tests.unit.audit.test_tree import root_by_definition

widely = settings(max_examples=size(usual=150, nightly=10_000))
SIGNER = Signer(bytes(range(32)))
names = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="+"), min_size=1, max_size=40)
sizes = st.integers(0, 10**17)
roots = st.binary(min_size=32, max_size=32)
leaves = st.lists(st.binary(max_size=8).map(hash_leaf), min_size=1, max_size=80)


@widely
@given(names, sizes, roots)
def test_a_checkpoint_comes_back_as_it_was_signed(origin: str, count: int, root: bytes) -> None:
    checkpoint = Checkpoint(origin, count, root)

    assert open_checkpoint(checkpoint.sign(SIGNER), SIGNER.key) == checkpoint


@widely
@given(names, sizes, roots, st.data())
def test_no_changed_byte_of_a_checkpoints_text_is_accepted(origin: str, count: int, root: bytes, data: Any) -> None:
    signed = Checkpoint(origin, count, root).sign(SIGNER)
    text = signed.index(b"\n\n")
    at = data.draw(st.integers(0, text))
    altered = bytearray(signed)
    altered[at] ^= data.draw(st.integers(1, 255))

    try:
        opened = open_checkpoint(bytes(altered), SIGNER.key)
    except NoteError:
        return
    raise AssertionError(opened)


@widely
@given(st.binary(max_size=300))
def test_any_bytes_are_a_note_or_refused(content: bytes) -> None:
    try:
        note = parse_note(content)
    except NoteError:
        return
    assert "".join((note.text, "\n", *(f"{each.line()}\n" for each in note.signatures))).encode() == content


@widely
@given(leaves, st.data())
def test_a_tree_grown_in_any_steps_has_the_root_of_the_definition(hashes: list[bytes], data: Any) -> None:
    tree, at = MerkleTree(), 0
    while at < len(hashes):
        step = data.draw(st.integers(1, len(hashes) - at))
        tree.extend(hashes[at : at + step])
        at += step

    assert tree.root() == root_by_definition(hashes)


@widely
@given(st.lists(st.binary(max_size=8), min_size=1, max_size=80), st.data())
def test_proofs_hold_for_what_they_prove_and_for_nothing_else(records: list[bytes], data: Any) -> None:
    log = LogHashes(0, {}, [hash_leaf(record) for record in records])
    count = data.draw(st.integers(1, len(records)))
    signed = Checkpoint("log", count, log.root_of(0, count)).sign(SIGNER)
    number = data.draw(st.integers(0, count - 1))
    inclusion = Inclusion(number, tuple(prove_inclusion(log, number, count)), signed)
    assert parse_proof(inclusion.encode()) == inclusion
    check_inclusion(inclusion, records[number], SIGNER.key)
    other = data.draw(st.binary(max_size=8))
    if other != records[number]:
        with pytest.raises(NoteError):
            check_inclusion(inclusion, other, SIGNER.key)
    old_size = data.draw(st.integers(1, count))
    old = Checkpoint("log", old_size, log.root_of(0, old_size))
    growth = Consistency(old_size, tuple(prove_consistency(log, old_size, count)), signed)
    check_consistency(growth, old, SIGNER.key)
    with pytest.raises(NoteError):
        check_consistency(growth, old._replace(root=bytes(32)), SIGNER.key)


@widely
@given(st.lists(st.integers(0, 12), max_size=25), st.lists(st.integers(0, 12), max_size=25))
def test_lines_differ_from_those_written_exactly_if_a_difference_is_found(found: list[int], written: list[int]) -> None:
    differences = list(find_differences([b"%d" % n for n in found], [b"%d" % n for n in written]))

    if len(set(written)) == len(written):  # records are unique: they have their times and numbers
        assert (differences == []) == (found == written)


@widely
@given(st.integers(2, 30), st.data())
def test_one_edit_is_one_difference_in_its_place(count: int, data: Any) -> None:
    written = [b"%d" % number for number in range(count)]
    at = data.draw(st.integers(0, count - 1))
    for kind, found in (
        (FindingKind.ALTERED, [*written[:at], b"x", *written[at + 1 :]]),
        (FindingKind.ADDED, [*written[:at], b"x", *written[at:]]),
        (FindingKind.MISSING, [*written[:at], *written[at + 1 :]]),
    ):
        (difference,) = find_differences(found, written)
        assert (difference.kind, difference.position) == (kind, at)


texts = st.text(max_size=60)


@widely
@given(texts, texts, texts, texts, st.integers(0, 2**32))
def test_a_record_of_any_texts_is_one_line_that_is_read_back(
    principal: str, request_id: str, detail: str, target: str, version: int
) -> None:
    record = RequestRecord(datetime.now(UTC), "192.0.2.7:1", detail=detail, target=target, key_version=version)
    record.request_metadata = RequestMetadata("Encrypt", request_id, aws_principal_arn=principal)

    line = encode_record(record)

    assert b"\n" not in line
    content = json.loads(line)
    assert content["request_metadata"]["kmsRequestId"] == request_id
    assert content.get("detail", "") == detail
    assert b"\n" not in encode_cef(content, "proxy-1", 7)
    assert json.loads(encode_jsonl(content, "proxy-1", 7)) == {**content, "log": "proxy-1", "number": 7}
