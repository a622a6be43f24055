"""What a writer finds after a crash, and after somebody had their hands in the log."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from hyok.audit.administration import append_administrative
from hyok.audit.checkpoints import open_checkpoint
from hyok.audit.errors import BrokenLogError
from hyok.audit.layout import LogPlace
from hyok.audit.notes import Signer
from hyok.audit.recovery import recover_log
from hyok.audit.trail import read_trail
from hyok.audit.tree import MerkleTree, hash_leaf
from hyok.audit.verification.trail import verify_trail
from hyok.audit.writer import Rotation, open_writer
from hyok.errors import NotDoneError
from tests.unit.audit.logs import NOW, append, new_signer, open_log

SIGNER = new_signer()
SEGMENT = Path("proxy-1") / "000001.jsonl"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with six records, closed."""
    directory = tmp_path_factory.mktemp("closed")
    log = open_log(directory, SIGNER)
    append(log, "a", "b", "c", "d")
    log.close()
    return directory


def copy_of(closed: Path, tmp_path: Path) -> LogPlace:
    directory = tmp_path / "audit"
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(closed, directory)
    return read_trail(directory, SIGNER.key).place("proxy-1")


def go_on(place: LogPlace) -> list[bytes]:
    """Do what a writer does at its start and at its end, and return all lines of the log."""
    recovered = recover_log(place, SIGNER.key)
    writer = open_writer(place, recovered, now=lambda: NOW)
    writer.write([b'{"event":"after"}'])
    writer.finish()
    writer.segment.close()
    content = place.segment_file(1).read_bytes()
    assert content.endswith(b"\n")
    lines = content[:-1].split(b"\n")
    tree = MerkleTree()
    tree.extend([hash_leaf(line) for line in lines])
    assert writer.checkpoint().root == tree.root()
    assert writer.size == len(lines)
    assert place.hashes_file(1).read_bytes() == b"".join(hash_leaf(line) for line in lines)
    return lines


def parsed(line: bytes) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return content


def check_tears(lines: list[bytes]) -> int:
    """Check that each line that is no record has a record of its tear; returns how many tears there are."""
    records = [parsed(line) for line in lines]
    torn = [number for number, record in enumerate(records) if record is None]
    told = [each["record"] for each in records if each is not None and each["event"] == "record_torn"]
    assert set(torn) <= set(told)
    assert set(told) <= set(range(len(lines)))  # one that lacked nothing but its line feed can be read
    return len(set(told))


def test_a_crash_at_any_byte_of_a_write_leaves_a_log_that_goes_on_with_the_tear_recorded(
    closed: Path, tmp_path: Path
) -> None:
    place = copy_of(closed, tmp_path)
    before = place.segment_file(1).read_bytes()
    write = b"".join(b'{"event":"xks_request","time":"2025-11-24T16:00:00Z","n":%d}\n' % n for n in range(3))
    for cut in range(len(write) + 1):
        place = copy_of(closed, tmp_path)
        place.segment_file(1).write_bytes(before + write[:cut])

        lines = go_on(place)

        assert b"\n".join(lines).startswith(before + write[:cut])
        is_torn = cut > 0 and write[cut - 1 : cut] != b"\n"
        assert check_tears(lines) == is_torn


def test_a_crash_at_any_byte_of_the_recovery_itself_is_recovered_from(closed: Path, tmp_path: Path) -> None:
    place = copy_of(closed, tmp_path)
    torn = place.segment_file(1).read_bytes() + b'{"event":"xks_request","time":"2025'
    place.segment_file(1).write_bytes(torn)
    go_on(place)
    recovered = place.segment_file(1).read_bytes()
    for cut in range(len(torn), len(recovered) + 1):
        place = copy_of(closed, tmp_path)
        place.segment_file(1).write_bytes(recovered[:cut])

        assert check_tears(go_on(place)) in (1, 2)


def test_a_crash_at_any_byte_of_a_segments_beginning_is_recovered_from(closed: Path, tmp_path: Path) -> None:
    begun = (
        b'{"event":"segment_begun","time":"2025-11-24T16:00:00Z","origin":"x","segment":2,"records":6,"frontier":[]}\n'
    )
    for cut in range(len(begun)):
        place = copy_of(closed, tmp_path)
        place.segment_file(2).write_bytes(begun[:cut])

        recovered = recover_log(place, SIGNER.key)
        writer = open_writer(place, recovered, now=lambda: NOW)
        writer.segment.close()

        lines = [line for number in place.segments() for line in place.segment_file(number).read_bytes().splitlines()]
        tree = MerkleTree()
        tree.extend([hash_leaf(line) for line in lines])
        assert writer.checkpoint().root == tree.root()


def test_the_very_first_write_may_be_torn(tmp_path: Path) -> None:
    open_log(tmp_path, SIGNER).close()
    place = read_trail(tmp_path, SIGNER.key).place("proxy-1")
    whole = place.segment_file(1).read_bytes()
    for cut in range(len(whole)):
        place.segment_file(1).write_bytes(whole[:cut])
        place.checkpoint_file.unlink(missing_ok=True)
        place.hashes_file(1).unlink()

        lines = go_on(place)

        records = [record for line in lines if (record := parsed(line)) is not None]
        assert [each for each in records if each["event"] == "segment_begun"]
        check_tears(lines)


def test_hashes_that_had_not_been_written_are_made_up_for(closed: Path, tmp_path: Path) -> None:
    place = copy_of(closed, tmp_path)
    hashes = place.hashes_file(1).read_bytes()
    for kept in (0, 31, 32, 100):
        place = copy_of(closed, tmp_path)
        place.hashes_file(1).write_bytes(hashes[:kept])

        go_on(place)


def test_records_that_a_loss_of_power_took_are_counted_by_their_hashes(closed: Path, tmp_path: Path) -> None:
    place = copy_of(closed, tmp_path)
    with place.hashes_file(1).open("ab") as file:
        file.write(bytes(64))

    lines = go_on(place)

    (torn,) = [record for line in lines if (record := parsed(line)) and record["event"] == "record_torn"]
    assert torn["lost_records"] == 2


# What was altered is left as it is.


def alter(place: LogPlace, old: bytes, new: bytes) -> None:
    file = place.segment_file(1)
    content = file.read_bytes()
    assert old in content
    file.write_bytes(content.replace(old, new, 1))


def remove_last_line(place: LogPlace) -> None:
    file = place.segment_file(1)
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize("with_hashes", [True, False])
def test_a_log_that_was_altered_is_not_gone_on_with(closed: Path, tmp_path: Path, *, with_hashes: bool) -> None:
    for change in (lambda place: alter(place, b'"b"', b'"x"'), remove_last_line):
        place = copy_of(closed, tmp_path)
        change(place)
        if not with_hashes:
            place.hashes_file(1).unlink()
        before = place.segment_file(1).read_bytes()

        with pytest.raises(BrokenLogError):
            recover_log(place, SIGNER.key)

        # A worker begins another log, and the altered one stays as evidence.
        log = open_log(place.directory.parent, SIGNER)
        assert log.path.parent.name == "proxy-2"
        log.close()
        assert place.segment_file(1).read_bytes() == before


def test_a_log_without_its_records_is_not_gone_on_with(closed: Path, tmp_path: Path) -> None:
    place = copy_of(closed, tmp_path)
    place.segment_file(1).unlink()

    with pytest.raises(BrokenLogError, match="has no records, but its checkpoint says 6"):
        recover_log(place, SIGNER.key)


def test_the_checkpoint_of_another_log_is_refused(closed: Path, tmp_path: Path) -> None:
    place = copy_of(closed, tmp_path)
    checkpoint = open_checkpoint(place.checkpoint_file.read_bytes(), SIGNER.key)
    place.checkpoint_file.write_bytes(checkpoint._replace(origin="hyok.audit/0/proxy-9").sign(SIGNER))

    with pytest.raises(BrokenLogError, match="is that of"):
        recover_log(place, SIGNER.key)


def test_a_checkpoint_that_another_key_signed_is_refused(closed: Path, tmp_path: Path) -> None:
    place = copy_of(closed, tmp_path)
    checkpoint = open_checkpoint(place.checkpoint_file.read_bytes(), SIGNER.key)
    place.checkpoint_file.write_bytes(checkpoint.sign(Signer(bytes(32))))

    with pytest.raises(BrokenLogError, match="is not right"):
        recover_log(place, SIGNER.key)


def segmented(tmp_path: Path) -> LogPlace:
    """A log of several segments, without the checkpoints of the last two that ended."""
    for number in range(12):
        append_administrative(tmp_path, SIGNER, {"n": number}, rotation=Rotation(segment_bytes=500))
    place = read_trail(tmp_path, SIGNER.key).place("administration")
    for number in place.segments()[-3:-1]:
        place.closing_checkpoint_file(number).unlink()
        place.hashes_file(number).write_bytes(place.hashes_file(number).read_bytes()[:33])
    return place


def test_segments_whose_end_was_not_signed_are_signed_by_the_next_writer(tmp_path: Path) -> None:
    place = segmented(tmp_path)
    assert not verify_trail(tmp_path, SIGNER.key).is_intact

    append_administrative(tmp_path, SIGNER, {"n": 99}, rotation=Rotation(segment_bytes=500))

    assert verify_trail(tmp_path, SIGNER.key).findings == ()
    for number in place.segments()[:-1]:
        lines = place.segment_file(number).read_bytes().splitlines()
        assert place.hashes_file(number).read_bytes() == b"".join(hash_leaf(line) for line in lines)


def test_an_unsigned_segment_that_was_altered_is_not_signed(tmp_path: Path) -> None:
    place = segmented(tmp_path)
    file = place.segment_file(place.segments()[-3])
    file.write_bytes(file.read_bytes().replace(b'"n":', b'"m":', 1))

    with pytest.raises(NotDoneError, match="are not those that the next begins with"):
        append_administrative(tmp_path, SIGNER, {"n": 99})
