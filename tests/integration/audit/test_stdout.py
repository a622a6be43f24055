"""The sink `stdout`: records at whoever reads the proxy's standard output, and nobody who reads it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hyok.audit.reader import read_records
from tests.integration.supervisor.rig import Load, ProxyProcess, Start, await_true, make_start, running_proxy

PIPE_BYTES = 4096
"""A few records."""


class Reader:
    """What reads the pipe that is the proxy's standard output, when it is asked to."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._content = b""

    def read(self, at_most: int = 65536) -> None:
        with contextlib.suppress(BlockingIOError):
            self._content += os.read(self._descriptor, at_most)

    def lines(self) -> list[dict[str, Any]]:
        """Return the whole lines that were read. ValueError if one is not JSON."""
        return [json.loads(line) for line in self._content.split(b"\n")[:-1]]

    def numbers(self) -> set[tuple[str, int]]:
        return {(line["log"], line["number"]) for line in self.lines() if "number" in line}

    def has_read(self, start: Start, *, before: Collection[tuple[str, int]] = ()) -> bool:
        """Read on, and tell whether all records of the trail have come by now, here or before."""
        self.read()
        return {(each.log, each.number) for each in read_records(start.directory / "audit")} <= self.numbers() | {
            *before
        }


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    made = make_start(tmp_path_factory.mktemp("first") / "start")
    file = made.directory / "hyok.toml"
    file.write_text(file.read_text() + '[audit.sinks.out]\nkind = "stdout"\ncheckpoint_seconds = 1\n')
    return made


@pytest.fixture
def start(first_start: Start, tmp_path: Path) -> Start:
    return first_start.moved(shutil.copytree(first_start.directory, tmp_path / "start"))


@contextmanager
def proxy_into_pipe(start: Start) -> Iterator[tuple[ProxyProcess, Reader]]:
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    try:
        with running_proxy(start, stdout=write_end) as proxy:
            os.close(write_end)
            yield proxy, Reader(read_end)
    finally:
        os.close(read_end)


def test_every_record_is_a_line_and_checkpoints_are_too(start: Start) -> None:
    with proxy_into_pipe(start) as (proxy, reader):
        with Load(start, proxy.port) as load:
            load.go_on(answers=20)
        await_true(lambda: reader.has_read(start), what=reader.numbers)
        await_true(lambda: reader.has_read(start) and any(line["event"] == "checkpoint" for line in reader.lines()))


def test_a_reader_that_stands_still_holds_up_neither_requests_nor_the_end(start: Start) -> None:
    with proxy_into_pipe(start) as (proxy, reader):
        with Load(start, proxy.port) as load:
            load.go_on(answers=50)
        assert load.failures == []
        proxy.send(signal.SIGTERM)
        assert proxy.wait() == 0
        reader.read()
        before = reader.numbers()
    with proxy_into_pipe(start) as (proxy, reader):  # what was not taken is sent after the next start
        await_true(lambda: reader.has_read(start, before=before), what=reader.numbers)


def test_lines_stay_whole_where_a_reader_comes_back(start: Start) -> None:
    with proxy_into_pipe(start) as (proxy, reader), Load(start, proxy.port) as load:
        load.go_on(answers=20)
        proxy.await_message("the audit sink out takes nothing")
        load.finish()
        while not proxy.has_said("takes what it is sent again"):
            reader.read(1000)
            time.sleep(0.01)
        await_true(lambda: reader.has_read(start), what=reader.numbers)
    assert load.failures == []
