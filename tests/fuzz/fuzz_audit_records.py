"""Invariant: a segment of any bytes is read, recovered or called broken, and never a defect; no line is left out."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hyok.audit.errors import BrokenLogError
from hyok.audit.layout import LogPlace
from hyok.audit.notes import Signer
from hyok.audit.reader import read_log
from hyok.audit.recovery import recover_log
from hyok.audit.structure import begin_segment, encode_structural, parse_structural
from hyok.audit.tree import MerkleTree, hash_leaf

_KEY = Signer(bytes(32)).key
_TREE = MerkleTree()
_TREE.extend([hash_leaf(b"a"), hash_leaf(b"b"), hash_leaf(b"c")])
_BEGUN = encode_structural(begin_segment("hyok.audit/0/proxy-1", 2, _TREE, 1_764_000_000.0))

SEEDS = (
    _BEGUN + b'\n{"event":"xks_request","time":"2025-11-24T16:00:00Z"}\n',
    b'{"event":"record_torn","time":"2025-11-24T16:00:00Z","record":1,"torn_bytes":7}\n{"event":"xks',
    b'{"event":"log_opened","time":"2025-11-24T16:00:00Z","host":"h","pid":1,"version":"1","records":0}\n',
)


def fuzz_one(data: bytes) -> None:
    """Read bytes as the last segment of a log."""
    parse_structural(data)
    with tempfile.TemporaryDirectory() as name:
        place = LogPlace(Path(name), "hyok.audit/0/proxy-1")
        place.segment_file(2 if data.startswith(b'{"event":"segment') else 1).write_bytes(data)
        lines = [record.line for record in read_log(place)]
        assert lines == data.split(b"\n")[:-1]
        for record in read_log(place):
            record.content()
        try:
            recovered = recover_log(place, _KEY)
        except BrokenLogError:
            return
        assert recovered.tree.size == recovered.start.size + len(lines)
