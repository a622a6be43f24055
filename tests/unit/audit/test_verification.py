"""Verification finds every kind of edit, and where it is."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hyok.audit.administration import append_administrative
from hyok.audit.checkpoints import Checkpoint, open_checkpoint
from hyok.audit.findings import Finding, FindingKind
from hyok.audit.keeper import close_finished, prepare_next, publish
from hyok.audit.notes import Signer
from hyok.audit.recovery import recover_log
from hyok.audit.trail import add_log, open_trail, read_trail
from hyok.audit.tree import hash_leaf
from hyok.audit.verification.trail import Verdict, verify_trail
from hyok.audit.writer import Rotation, open_writer
from tests.sizes import size
from tests.unit.audit.logs import append, new_signer, open_log

SIGNER = new_signer()
RECORDS = size(usual=50_000, nightly=1_000_000)
SEGMENTS = 5
LINE = (
    b'{"event":"xks_request","time":"2025-11-24T16:00:00.%06dZ","peer":"192.0.2.7:4711","certificate_subject":"cks.kms.'
    b'eu-central-1.amazonaws.com","key_store":"main","credential_id":"AKALPHA2222222222222","operation":"Encrypt",'
    b'"external_key_id":"key-%d","request_metadata":{"kmsOperation":"Encrypt","kmsRequestId":"%032x","awsPrincipalArn":'
    b'"arn:aws:iam::123456789012:user/Alice"},"key_manager":"software","key_version":2,"status":200,"duration_us":151}'
)


def make_log(directory: Path, records: int) -> None:
    """Write a log of requests in SEGMENTS segments, through the writer."""
    trail = add_log(open_trail(directory, SIGNER), "proxy-1", SIGNER)
    place = trail.place("proxy-1")
    place.directory.mkdir(mode=0o700)
    place.lock_file.touch()
    writer = open_writer(place, recover_log(place, SIGNER.key), rotation=Rotation(segment_bytes=1 << 60))
    for number in range(records):
        if number % 1000 == 0:
            lines = [LINE % (n % 1_000_000, n, n) for n in range(number, min(number + 1000, records))]
            if number and number % (records // SEGMENTS) == 0:
                prepare_next(writer, 1000)
                writer.rolls_at = 0
            writer.write(lines)
    close_finished(writer, SIGNER)
    writer.finish()
    publish(place, writer.checkpoint(), SIGNER)
    writer.segment.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of RECORDS records."""
    directory = tmp_path_factory.mktemp("written")
    make_log(directory, RECORDS)
    return directory


@pytest.fixture
def directory(written: Path, tmp_path: Path) -> Path:
    """A copy of it to lay hands on."""
    copy = tmp_path / "audit"
    # Links: an edit replaces the file it edits, and a million records are not copied for each of them.
    shutil.copytree(written, copy, copy_function=lambda source, target: Path(target).hardlink_to(source))
    return copy


def kept_checkpoint(directory: Path) -> Checkpoint:
    return open_checkpoint((directory / "proxy-1" / "checkpoint").read_bytes(), SIGNER.key)


def edit(directory: Path, segment: int, change: Callable[[list[bytes]], None]) -> list[bytes]:
    """Change the lines of a segment; returns them as they then are."""
    file = directory / "proxy-1" / f"{segment:06}.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    change(lines)
    file.unlink()
    file.write_bytes(b"".join(lines))
    return lines


def check_place(finding: Finding, directory: Path, *, segment: int, line: int) -> None:
    """Check that a finding names this line, and its byte."""
    lines = (directory / "proxy-1" / f"{segment:06}.jsonl").read_bytes().splitlines(keepends=True)
    assert (finding.log, finding.segment, finding.line) == ("proxy-1", segment, line)
    assert finding.byte == sum(map(len, lines[: line - 1]))


def only_finding(verdict: Verdict) -> Finding:
    (finding,) = verdict.findings
    return finding


def test_an_untouched_log_is_intact(written: Path) -> None:
    verdict = verify_trail(written, SIGNER.key, kept=[kept_checkpoint(written)])

    assert verdict.findings == ()
    (log,) = verdict.logs
    assert (log.records, log.segments, log.signed_records) == (RECORDS + SEGMENTS, SEGMENTS, RECORDS + SEGMENTS)


def test_a_hundred_thousand_records_take_less_than_a_second_of_processor_time(written: Path) -> None:
    began = time.process_time()
    verify_trail(written, SIGNER.key)

    assert (time.process_time() - began) * 100_000 / RECORDS < 1.0  # about 0.25 s on the machine it was written on


@pytest.mark.parametrize("segment", [1, 3, SEGMENTS])
@pytest.mark.parametrize("line", [1, 2, 4711, RECORDS // SEGMENTS])
def test_a_changed_byte_is_found_in_its_line(directory: Path, segment: int, line: int) -> None:
    def change(lines: list[bytes]) -> None:
        lines[line - 1] = lines[line - 1].replace(b'"time":"2', b'"time":"1')

    edit(directory, segment, change)

    finding = only_finding(verify_trail(directory, SIGNER.key))
    assert finding.kind is FindingKind.ALTERED
    assert finding.record == (segment - 1) * (RECORDS // SEGMENTS + 1) + line - 1
    check_place(finding, directory, segment=segment, line=line)


@pytest.mark.parametrize("segment", [1, 3, SEGMENTS])
@pytest.mark.parametrize("line", [2, 4711])
def test_a_removed_record_is_found_where_it_was(directory: Path, segment: int, line: int) -> None:
    edit(directory, segment, lambda lines: lines.__delitem__(line - 1))

    finding = only_finding(verify_trail(directory, SIGNER.key))
    assert finding.kind is FindingKind.MISSING
    check_place(finding, directory, segment=segment, line=line)


@pytest.mark.parametrize("segment", [1, 3, SEGMENTS])
@pytest.mark.parametrize("line", [2, 4711])
def test_an_added_record_is_found(directory: Path, segment: int, line: int) -> None:
    edit(directory, segment, lambda lines: lines.insert(line - 1, b'{"event":"xks_request"}\n'))

    finding = only_finding(verify_trail(directory, SIGNER.key))
    assert finding.kind is FindingKind.ADDED
    check_place(finding, directory, segment=segment, line=line)


def test_a_copy_of_a_record_is_an_added_record(directory: Path) -> None:
    edit(directory, 2, lambda lines: lines.insert(500, lines[99]))

    finding = only_finding(verify_trail(directory, SIGNER.key))
    assert finding.kind is FindingKind.ADDED
    check_place(finding, directory, segment=2, line=501)


@pytest.mark.parametrize(("origin", "target"), [(100, 105), (100, 2000), (2000, 100)])
def test_a_moved_record_is_found(directory: Path, origin: int, target: int) -> None:
    edit(directory, 2, lambda lines: lines.insert(target, lines.pop(origin)))

    finding = only_finding(verify_trail(directory, SIGNER.key))
    assert finding.kind is FindingKind.REORDERED
    check_place(finding, directory, segment=2, line=target + 1)


def test_several_edits_in_several_segments_are_all_found(directory: Path) -> None:
    edit(directory, 1, lambda lines: lines.__setitem__(10, lines[10].replace(b"Alice", b"Mallo")))
    edit(directory, 3, lambda lines: lines.__delitem__(20))
    edit(directory, 3, lambda lines: lines.__setitem__(30, lines[30].replace(b"Alice", b"Mallo")))

    findings = verify_trail(directory, SIGNER.key).findings
    assert [(each.kind, each.segment, each.line) for each in findings] == [
        (FindingKind.ALTERED, 1, 11),
        (FindingKind.MISSING, 3, 21),
        (FindingKind.ALTERED, 3, 31),
    ]


def test_random_edits_are_found_at_the_first_line_that_differs(directory: Path) -> None:
    chance = random.Random(7)  # no secret
    lines = edit(directory, 2, lambda _: None)
    for _ in range(size(usual=5, nightly=50)):
        line = chance.randrange(1, len(lines))
        at = chance.randrange(len(lines[line]) - 1)
        changed = bytearray(lines[line])
        changed[at] ^= 1 << chance.randrange(5)
        edit(directory, 2, lambda all_lines, line=line, changed=changed: all_lines.__setitem__(line, bytes(changed)))  # type: ignore[misc]  # bound now

        finding = verify_trail(directory, SIGNER.key).findings[0]
        assert (finding.segment, finding.line) == (2, line + 1)
        edit(directory, 2, lambda all_lines: all_lines.__setitem__(slice(None), lines))


# The end, and whole parts.


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_a_cut_tail_is_found_by_the_newest_checkpoint(directory: Path, count: int) -> None:
    lines = edit(directory, SEGMENTS, lambda lines: lines.__delitem__(slice(-count, None)))

    finding = only_finding(verify_trail(directory, SIGNER.key))
    assert finding.kind is FindingKind.CUT
    assert finding.record == RECORDS + SEGMENTS - count
    check_place(finding, directory, segment=SEGMENTS, line=len(lines) + 1)


def test_a_log_turned_back_to_an_earlier_state_is_found_by_a_checkpoint_kept_elsewhere(
    tmp_path: Path,
) -> None:
    append_administrative(tmp_path / "audit", SIGNER, {"n": 1})
    shutil.copytree(tmp_path / "audit", tmp_path / "earlier")
    append_administrative(tmp_path / "audit", SIGNER, {"n": 2})
    kept = open_checkpoint((tmp_path / "audit" / "administration" / "checkpoint").read_bytes(), SIGNER.key)

    assert verify_trail(tmp_path / "earlier", SIGNER.key).is_intact  # by itself it is
    finding = only_finding(verify_trail(tmp_path / "earlier", SIGNER.key, kept=[kept]))
    assert finding.kind is FindingKind.CUT
    assert "the checkpoint given says 3 records, and there are 2" in finding.text


def test_a_log_that_was_written_anew_is_found_by_a_checkpoint_kept_elsewhere(tmp_path: Path) -> None:
    # Whoever has the key can sign another history, but not one that fits what was signed before.
    append_administrative(tmp_path / "audit", SIGNER, {"n": 1})
    shutil.copytree(tmp_path / "audit", tmp_path / "other")
    append_administrative(tmp_path / "audit", SIGNER, {"n": 2})
    append_administrative(tmp_path / "other", SIGNER, {"n": 3})
    kept = open_checkpoint((tmp_path / "audit" / "administration" / "checkpoint").read_bytes(), SIGNER.key)

    finding = only_finding(verify_trail(tmp_path / "other", SIGNER.key, kept=[kept]))
    assert finding.kind is FindingKind.ALTERED
    assert "not those of the checkpoint given" in finding.text


def test_a_missing_segment_is_found(directory: Path) -> None:
    (directory / "proxy-1" / "000003.jsonl").unlink()

    finding = only_finding(verify_trail(directory, SIGNER.key))
    assert (finding.kind, finding.segment) == (FindingKind.MISSING, 3)


def test_missing_first_segments_are_found(directory: Path) -> None:
    for number in (1, 2):
        (directory / "proxy-1" / f"00000{number}.jsonl").unlink()

    finding = only_finding(verify_trail(directory, SIGNER.key))
    assert finding.kind is FindingKind.MISSING
    assert "no record says that they were retired" in finding.text


def test_a_missing_last_segment_is_found(directory: Path) -> None:
    (directory / "proxy-1" / f"{SEGMENTS:06}.jsonl").unlink()

    assert only_finding(verify_trail(directory, SIGNER.key)).kind is FindingKind.CUT


def test_a_missing_log_is_found_by_the_list(tmp_path: Path) -> None:
    for log in [open_log(tmp_path, SIGNER), open_log(tmp_path, SIGNER)]:
        append(log, "a")
        log.close()
    shutil.rmtree(tmp_path / "proxy-2")

    finding = only_finding(verify_trail(tmp_path, SIGNER.key))
    assert (finding.kind, finding.log) == (FindingKind.MISSING, "proxy-2")


def test_a_missing_log_is_found_even_if_an_earlier_list_was_put_back(tmp_path: Path) -> None:
    first = open_log(tmp_path, SIGNER)
    before = (tmp_path / "logs.note").read_bytes()
    second = open_log(tmp_path, SIGNER)
    append(second, "a")
    second.close()
    first.close()
    open_log(tmp_path, SIGNER).close()
    shutil.rmtree(tmp_path / "proxy-2")
    (tmp_path / "logs.note").write_bytes(before)

    finding = only_finding(verify_trail(tmp_path, SIGNER.key))
    assert (finding.kind, finding.log) == (FindingKind.MISSING, "proxy-2")
    assert "other logs know it with 3 records" in finding.text


def test_the_next_segment_that_is_ready_and_empty_is_no_finding(directory: Path) -> None:
    (directory / "proxy-1" / f"{SEGMENTS + 1:06}.jsonl").touch()

    assert verify_trail(directory, SIGNER.key).is_intact


def test_a_last_segment_that_was_emptied_is_found(directory: Path) -> None:
    replace(directory / "proxy-1" / f"{SEGMENTS:06}.jsonl", b"")

    assert only_finding(verify_trail(directory, SIGNER.key)).kind is FindingKind.CUT


def test_a_log_that_was_never_listed_is_found(directory: Path) -> None:
    shutil.copytree(directory / "proxy-1", directory / "proxy-7")

    finding = only_finding(verify_trail(directory, SIGNER.key))
    assert (finding.kind, finding.log) == (FindingKind.ADDED, "proxy-7")


def test_records_added_after_the_last_checkpoint_are_found(directory: Path) -> None:
    edit(directory, SEGMENTS, lambda lines: lines.append(b'{"event":"xks_request"}\n'))

    finding = only_finding(verify_trail(directory, SIGNER.key))
    assert (finding.kind, finding.record) == (FindingKind.UNSIGNED, RECORDS + SEGMENTS)


def test_records_of_the_last_second_of_a_running_writer_are_no_finding(tmp_path: Path) -> None:
    log = open_log(tmp_path, SIGNER)
    while not (log.path.parent / "checkpoint").exists():
        time.sleep(0.01)
    append(log, "a")
    log.flush()

    assert verify_trail(tmp_path, SIGNER.key).is_intact
    log.close()


# Hashes and signatures.


def replace(file: Path, content: bytes) -> None:
    file.unlink()
    file.write_bytes(content)


def test_an_edit_that_its_hash_was_fitted_to_is_found_in_its_segment(directory: Path) -> None:
    def change(lines: list[bytes]) -> None:
        lines[9] = lines[9].replace(b"Alice", b"Mallo")

    lines = edit(directory, 3, change)
    replace(directory / "proxy-1" / "000003.hashes", b"".join(hash_leaf(line[:-1]) for line in lines))

    finding = only_finding(verify_trail(directory, SIGNER.key))
    assert (finding.kind, finding.segment) == (FindingKind.ALTERED, 3)
    assert "the file of hashes was altered too" in finding.text


def test_altered_hashes_of_untouched_records_are_told_apart(directory: Path) -> None:
    file = directory / "proxy-1" / "000002.hashes"
    replace(file, bytes(32) + file.read_bytes()[32:])

    finding = only_finding(verify_trail(directory, SIGNER.key))
    assert finding.segment == 2
    assert "the records, which are right" in finding.text


def test_missing_hashes_do_not_matter_as_long_as_the_records_are_right(directory: Path) -> None:
    (directory / "proxy-1" / "000002.hashes").unlink()

    assert verify_trail(directory, SIGNER.key).is_intact


@pytest.mark.parametrize("name", ["checkpoint", "000002.checkpoint"])
def test_a_checkpoint_that_is_missing_or_altered_is_found(directory: Path, name: str) -> None:
    file = directory / "proxy-1" / name
    content = file.read_bytes()
    replace(file, content.replace(b"\n1", b"\n2", 1) if b"\n1" in content else content.replace(b"\n", b"\n9", 1))
    assert only_finding(verify_trail(directory, SIGNER.key)).kind is FindingKind.SIGNATURE

    file.unlink()
    finding = only_finding(verify_trail(directory, SIGNER.key))
    assert finding.kind is FindingKind.SIGNATURE
    assert "is not there" in finding.text


def test_another_key_fits_nothing(directory: Path) -> None:
    kinds = {each.kind for each in verify_trail(directory, new_signer().key).findings}

    assert FindingKind.SIGNATURE in kinds


def test_a_log_of_a_trail_can_be_verified_alone(directory: Path) -> None:
    append_administrative(directory, SIGNER, {"n": 1})

    assert [log.name for log in verify_trail(directory, SIGNER.key, logs=["administration"]).logs] == ["administration"]


PROGRAM = """
import os, sys, time
from pathlib import Path
from hyok.audit.notes import Signer
from tests.unit.audit.logs import append, open_log

log = open_log(Path(sys.argv[1]), Signer(bytes(32)))
append(log, "a", "b")
log.flush()
time.sleep(float(sys.argv[2]))
append(log, "c")
log.flush()
os.write(log._writer.segment.descriptor, b'{"event":"xks_re')
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("seconds", [0, 1.2])
def test_a_trail_whose_writer_was_killed_and_came_back_is_intact(tmp_path: Path, seconds: float) -> None:
    signer = Signer(bytes(32))
    assert subprocess.run([sys.executable, "-c", PROGRAM, tmp_path, str(seconds)], check=False).returncode == -9
    segment = tmp_path / "proxy-1" / "000001.jsonl"
    assert requests_in_lines(segment.read_bytes()) == 3

    log = open_log(tmp_path, signer)
    append(log, "d")
    log.close()

    assert read_trail(tmp_path, signer.key).logs == ("proxy-1",)
    assert verify_trail(tmp_path, signer.key).findings == ()
    assert b'"event":"record_torn"' in segment.read_bytes()
    assert requests_in_lines(segment.read_bytes()) == 4


def requests_in_lines(content: bytes) -> int:
    return content.count(b'{"event":"xks_request"')
