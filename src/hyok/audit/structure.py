"""Records that a log makes of itself: where a segment begins, who began to write, what a crash tore, what was retired.

They are lines among the others, and in the tree as they are: nobody can alter or leave out one either.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Final, TypeAlias

import msgspec

from hyok.audit.errors import UNREADABLE
from hyok.audit.tree import MerkleTree


class _Structural(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag_field="event"):
    time: datetime


class SegmentBegun(_Structural, frozen=True, kw_only=True, tag="segment_begun"):
    """The first record of a segment: the tree of all before it, from which the segment can be verified alone."""

    origin: str
    """The log's name in checkpoints."""
    segment: int
    records: int
    """How many the log had before."""
    frontier: tuple[str, ...] = ()
    """The complete subtrees over them, the largest first, in Base64."""

    def tree(self) -> MerkleTree:
        """Return the tree that the log had before. ValueError if this is none."""
        return MerkleTree(self.records, (base64.b64decode(each, validate=True) for each in self.frontier))


class LogOpened(_Structural, frozen=True, kw_only=True, tag="log_opened"):
    """A process has begun to write."""

    host: str
    pid: int
    version: str
    """Of hyok."""
    records: int
    """How many the log had before."""
    unsigned: int = 0
    """Of these, how many the last writer had no time to sign: they are as they were found."""
    others: dict[str, int] = {}
    """The other logs of the trail, and how many records each had by its newest checkpoint: none can vanish unseen."""


class RecordTorn(_Structural, frozen=True, kw_only=True, tag="record_torn"):
    """A line is no whole record: its writer was cut off, before the answer to the request could leave."""

    record: int
    """Its index in the log."""
    torn_bytes: int
    lost_records: int = 0
    """Records after the newest checkpoint of which only the hashes are left, as a loss of power leaves it."""


class WritingInterrupted(_Structural, frozen=True, kw_only=True, tag="writing_interrupted"):
    """For a time records could not be written. No request was served meanwhile, and no answer left."""

    reason: str
    since: datetime
    withheld_answers: int
    """Of the records just before this one: the answers that they tell of were replaced by errors."""
    refused_requests: int
    """Refused before any key was used, without a record each."""


class SegmentsRetired(_Structural, frozen=True, kw_only=True, tag="segments_retired"):
    """The oldest segments are here no more, by the rule of retention."""

    first_segment: int
    last_segment: int
    records: int
    """How many records the log had at their end."""
    root: str
    """The root hash of the log at their end, in Base64."""
    archive: str = ""
    """Where they were taken; nowhere if empty."""


Structural: TypeAlias = SegmentBegun | LogOpened | RecordTorn | WritingInterrupted | SegmentsRetired

_encode: Final = msgspec.json.Encoder().encode
_decoder: Final[msgspec.json.Decoder[Structural]] = msgspec.json.Decoder(Structural)
_PREFIXES: Final = tuple(
    b'{"event":"%b"' % tag
    for tag in (b"segment_begun", b"log_opened", b"record_torn", b"writing_interrupted", b"segments_retired")
)


def encode_structural(record: Structural) -> bytes:
    """Write it as a line, without the line feed."""
    return _encode(record)


def parse_structural(line: bytes) -> Structural | None:
    """Read a line if it is one of these records; None if it is another, or no record at all."""
    if not line.startswith(_PREFIXES):
        return None
    try:
        return _decoder.decode(line)
    except UNREADABLE:
        return None


def begin_segment(origin: str, segment: int, tree: MerkleTree, now: float) -> SegmentBegun:
    """Make the first record of a segment; `now` is in Unix seconds."""
    frontier = tuple(base64.b64encode(each).decode() for each in tree.frontier)
    return SegmentBegun(time=instant(now), origin=origin, segment=segment, records=tree.size, frontier=frontier)


def instant(now: float) -> datetime:
    """Return Unix seconds as a record's time."""
    return datetime.fromtimestamp(now, UTC)
