"""Sending a trail to a sink: in order, nothing twice in one run, nothing left out over restarts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hyok.audit.checkpoints import open_checkpoint
from hyok.audit.formats import encode_jsonl
from hyok.audit.layout import LIST_FILE
from hyok.audit.sinks.file import FileSink
from hyok.audit.sinks.interface import SignedState, SinkError
from hyok.audit.sinks.shipping import Shipment, Shipping
from hyok.errors import OperatorError
from tests.unit.audit.logs import append, new_signer, open_log

SIGNER = new_signer()
RECORDS_AND_CHECKPOINTS = Shipment(encode_jsonl, 0.0001)


class CollectingSink:
    """Keeps what it is sent; can refuse."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.checkpoints: list[SignedState] = []
        self.is_broken = False

    async def send_records(self, messages: Sequence[bytes]) -> None:
        if self.is_broken:
            raise SinkError("it is broken")
        self.records += messages

    async def send_checkpoints(self, states: Sequence[SignedState]) -> None:
        self.checkpoints += states

    async def aclose(self) -> None: ...

    def keys(self) -> list[str]:
        records = [json.loads(each) for each in self.records]
        return [each["external_key_id"] for each in records if "external_key_id" in each]


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came")


def ship(directory: Path, sink: CollectingSink, shipment: Shipment = RECORDS_AND_CHECKPOINTS) -> Shipping:
    """Send what there is, as a process that lives so long."""
    shipping = Shipping("collector", directory, sink, shipment)
    asyncio.run(shipping.send_rest())
    return shipping


def write(directory: Path, *key_ids: str) -> None:
    log = open_log(directory, SIGNER)
    append(log, *key_ids)
    log.close()


def test_what_was_sent_is_not_sent_again_by_the_next_process(tmp_path: Path) -> None:
    sink = CollectingSink()
    write(tmp_path, "a", "b")
    assert ship(tmp_path, sink).progress.sent_records == 4
    write(tmp_path, "c")
    ship(tmp_path, sink)

    assert sink.keys() == ["a", "b", "c"]


def test_what_a_sink_refused_is_sent_later(tmp_path: Path) -> None:
    sink = CollectingSink()
    write(tmp_path, *map(str, range(600)))
    sink.is_broken = True
    shipping = Shipping("collector", tmp_path, sink, RECORDS_AND_CHECKPOINTS)
    with pytest.raises(SinkError):
        asyncio.run(shipping.send())
    assert shipping.progress.oldest_unsent > 0
    sink.is_broken = False
    asyncio.run(shipping.send_rest())

    assert sink.keys() == list(map(str, range(600)))
    assert shipping.progress.oldest_unsent == 0


def test_a_failing_sink_is_counted_and_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sink = CollectingSink()
    sink.is_broken = True
    write(tmp_path, "a")

    async def scenario() -> Shipping:
        shipping = Shipping("collector", tmp_path, sink, RECORDS_AND_CHECKPOINTS)
        task = asyncio.create_task(shipping.run())
        await until(lambda: shipping.progress.failures == 2)
        sink.is_broken = False
        await until(lambda: bool(sink.records) and "again" in caplog.text)
        task.cancel()
        await asyncio.wait((task,))
        return shipping

    asyncio.run(scenario())
    assert caplog.text.count("takes nothing, which is sent later: it is broken") == 1
    assert caplog.text.count("takes what it is sent again") == 1


def test_checkpoints_are_sent_when_they_have_changed(tmp_path: Path) -> None:
    sink = CollectingSink()
    write(tmp_path, "a")

    async def scenario() -> None:
        shipping = Shipping("collector", tmp_path, sink, Shipment(None, 0.0))
        for _ in range(3):
            await shipping.send()
        write(tmp_path, "b")
        await shipping.send()

    asyncio.run(scenario())
    assert [open_checkpoint(each.note, SIGNER.key).size for each in sink.checkpoints] == [3, 5]
    assert sink.records == []


def test_records_that_were_retired_before_they_were_sent_are_counted(tmp_path: Path) -> None:
    from hyok.audit.administration import append_administrative
    from hyok.audit.trail import read_trail
    from hyok.audit.writer import Rotation

    sink = CollectingSink()
    append_administrative(tmp_path, SIGNER, {"n": 0}, rotation=Rotation(segment_bytes=1))
    ship(tmp_path, sink)
    for number in range(3):
        append_administrative(tmp_path, SIGNER, {"n": number}, rotation=Rotation(segment_bytes=1))
    place = read_trail(tmp_path, SIGNER.key).place("administration")
    for number in place.segments()[:-1]:
        place.segment_file(number).unlink()

    assert ship(tmp_path, sink).progress.missed_records > 0


def test_a_trail_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    assert not (tmp_path / LIST_FILE).exists()

    assert ship(tmp_path, CollectingSink()).progress.failures == 0


def test_a_position_that_cannot_be_read_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "sinks").mkdir()
    (tmp_path / "sinks" / "collector.json").write_text("{")

    with pytest.raises(OperatorError, match="remove it to send all once more"):
        Shipping("collector", tmp_path, CollectingSink(), RECORDS_AND_CHECKPOINTS)


def test_a_file_gets_one_record_a_line_and_may_be_moved_away(tmp_path: Path) -> None:
    write(tmp_path / "audit", "a")
    target = tmp_path / "copy.jsonl"

    async def scenario() -> None:
        shipping = Shipping("copy", tmp_path / "audit", FileSink(target), RECORDS_AND_CHECKPOINTS)
        await shipping.send()
        target.rename(tmp_path / "moved.jsonl")
        write(tmp_path / "audit", "b")
        await shipping.send()

    asyncio.run(scenario())
    assert '"external_key_id":"a"' in (tmp_path / "moved.jsonl").read_text()
    assert [json.loads(line).get("external_key_id") for line in target.read_text().splitlines()] == [None, "b"]
    notes = (tmp_path / "copy.jsonl.checkpoints").read_text()
    assert notes.count("\u2014 hyok.audit/") == 2


def test_a_file_that_cannot_be_written_is_a_sink_that_fails(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="cannot write"):
        asyncio.run(FileSink(tmp_path / "missing" / "copy.jsonl").send_records([b"x"]))
