"""A key whose creation was acknowledged survives `kill -9` at any point."""

from __future__ import annotations

import asyncio
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from hyok.clock import NO_DEADLINE
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.embedded.leasing import Leasing
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.keymanagers.interface import KeyVersion, Sealed
from tests.integration.durability.creator import PROBE, open_all
from tests.unit.storage.fixtures import SetClock

KILLS = 50
LONGEST_LIFE_SECONDS = 0.08


class Makers:
    """Forks makers of keys, kills each, and gives what it had acknowledged."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.durability.creator"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run_until_killed(self, directory: Path, *, seconds: float) -> list[list[str]]:
        """Let a maker live for so long and return its whole lines, in words."""
        assert self._parent.stdin
        assert self._parent.stderr
        self._parent.stdin.write(f"{directory}\n".encode())
        self._parent.stdin.flush()
        process_id = int(self._parent.stderr.readline())
        time.sleep(seconds)
        os.kill(process_id, signal.SIGKILL)
        said = self._parent.stderr.readline()
        assert said == b"gone\n", said.decode() + "".join(map(bytes.decode, self._parent.stderr.readlines()))
        return [line.split() for line in self._drain().decode().splitlines(keepends=True) if line.endswith("\n")]

    def close(self) -> None:
        """End the process that forks."""
        self._parent.communicate(timeout=10)

    def _drain(self) -> bytes:
        assert self._parent.stdout
        descriptor = self._parent.stdout.fileno()
        content = b""
        while select.select([descriptor], [], [], 0)[0]:
            content += os.read(descriptor, 65536)
        return content


@pytest.fixture
def makers() -> Iterator[Makers]:
    makers = Makers()
    yield makers
    makers.close()


def assert_all_is_there(directory: Path, lines: list[list[str]]) -> None:
    """Open as after a crash, and look for each acknowledged key and version, and open each value that was sealed."""
    storage, safe = open_all(directory)
    with storage.reading() as connection:
        assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
    manager = EmbeddedKeyManager(storage, Leasing(safe, SetClock()))
    keys = {key.key_id: key for key in EmbeddedKeyAdministrator(storage, safe, SetClock()).list_keys()}
    storage.close()
    for verb, key_id, number, *sealed in lines:
        assert keys[key_id].active_version >= int(number), f"{verb} {key_id} {number} was acknowledged and lost"
        assert keys[key_id].version_count == keys[key_id].active_version
        if verb == "sealed":
            value = Sealed(*map(bytes.fromhex, sealed))
            assert asyncio.run(manager.decrypt(KeyVersion(key_id, int(number)), value, b"", NO_DEADLINE)) == PROBE


def test_no_acknowledged_key_is_lost_in_fifty_kills(tmp_path: Path, makers: Makers) -> None:
    source = random.Random(20240515)
    open_all(tmp_path)[0].close()
    lines: list[list[str]] = []
    fruitful = 0
    longest_life_seconds = LONGEST_LIFE_SECONDS
    for _ in range(KILLS):
        acknowledged = makers.run_until_killed(tmp_path, seconds=source.uniform(0.005, longest_life_seconds))
        assert_all_is_there(tmp_path, acknowledged)
        lines += acknowledged
        fruitful += bool(acknowledged)
        if not acknowledged:
            longest_life_seconds *= 1.2  # a busy machine: let them come far enough to have something to lose
    assert_all_is_there(tmp_path, lines)
    verbs = {verb for verb, *_ in lines}
    assert verbs == {"created", "rotated", "sealed"}
    assert fruitful > KILLS / 2, f"only {fruitful} of {KILLS} makers lived long enough to prove anything"


def test_a_first_start_that_was_killed_leaves_what_the_next_start_opens(tmp_path: Path, makers: Makers) -> None:
    source = random.Random(20240516)
    for number in range(15):
        directory = tmp_path / str(number)
        directory.mkdir()
        acknowledged = makers.run_until_killed(directory, seconds=source.uniform(0, 0.15))
        assert_all_is_there(directory, acknowledged)
