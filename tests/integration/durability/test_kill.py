"""What was acknowledged survives `kill -9` at any point of any change of keys, and nothing is ever half there."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import text

from hyok.assembly.root_keys import sealed_columns
from hyok.clock import NO_DEADLINE
from hyok.custody.rewrapping import describe_keeping
from hyok.errors import NotDoneError
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.embedded.leasing import Leasing
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.keymanagers.interface import KeyUsage, KeyVersion, ManagedKey, Sealed
from hyok.storage.schema import Side
from tests.integration.durability.life import PROBE, Installation, material_of
from tests.sizes import size
from tests.unit.storage.fixtures import SetClock

KILLS = size(usual=100, nightly=1000)
KILLS_PER_DIRECTORY = 25
"""So that what is looked through after each kill does not grow without end."""
LONGEST_LIFE_SECONDS = 0.15
DESTROYED = "was destroyed for good, as scheduled\n"

VERBS: Final = frozenset(
    {"created", "imported", "rotated", "sealed", "deleted", "kept", "destroyed", "rewrapped", "retired"}
)
ALLOWED: Final[Mapping[str, frozenset[str]]] = {
    "created": frozenset({"enabled 1", "enabled 2"}),
    "imported": frozenset({"enabled 1", "enabled 2"}),
    "rotated": frozenset({"enabled 2", "pending 2"}),
    "deleted": frozenset({"pending 2", "disabled 2", "destroyed"}),
    "kept": frozenset({"disabled 2"}),
    "destroyed": frozenset({"destroyed"}),
}
"""How a key may be found whose last acknowledged change was this: as acknowledged, or with the next one whole."""


class Lives:
    """Lets processes live in a directory, kills each, and gives what it had acknowledged."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.durability.life"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run_until_killed(self, directory: Path, *, seconds: float) -> list[list[str]]:
        """Let a process live for so long and return its whole lines, in words."""
        assert self._parent.stdin
        assert self._parent.stderr
        self._parent.stdin.write(f"{directory}\n".encode())
        self._parent.stdin.flush()
        process_id = int(self._parent.stderr.readline())
        time.sleep(seconds)
        os.kill(process_id, signal.SIGKILL)
        complaints = [line for line in self._said_until_gone() if not line.endswith(DESTROYED)]
        assert not complaints, "".join(complaints)
        return [line.split() for line in self._drain().decode().splitlines(keepends=True) if line.endswith("\n")]

    def close(self) -> None:
        """End the process that forks."""
        self._parent.communicate(timeout=10)

    def _said_until_gone(self) -> Iterator[str]:
        assert self._parent.stderr
        while (line := self._parent.stderr.readline().decode()) != "gone\n":
            assert line, "the process that forks has ended"
            yield line

    def _drain(self) -> bytes:
        assert self._parent.stdout
        descriptor = self._parent.stdout.fileno()
        content = b""
        while select.select([descriptor], [], [], 0)[0]:
            content += os.read(descriptor, 65536)
        return content


@pytest.fixture
def lives() -> Iterator[Lives]:
    lives = Lives()
    yield lives
    lives.close()


def assert_all_is_there(
    directory: Path,
    lines: Sequence[list[str]],
    before: Mapping[str, str] = MappingProxyType({}),
    *,
    anchor: Path | None = None,
) -> dict[str, str]:
    """Open as after a crash, look for each acknowledged change, open all that is sealed, and each value sealed.

    `before` is how keys were found earlier, as this returns it: nobody but their own life and their date changes them.
    """
    here = Installation(directory, anchor=anchor)
    try:
        with here.storage.reading() as connection:
            assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
            for column in sealed_columns(Side.HOLDER):
                for row in connection.execute(column.query):
                    here.safe.open(row._mapping[column.column], *column.place(row))
        _assert_roots(here, lines)
        return _assert_keys(here, lines, before)
    finally:
        here.storage.close()


def _assert_keys(here: Installation, lines: Sequence[list[str]], before: Mapping[str, str]) -> dict[str, str]:
    keys = {key.key_id: key for key in EmbeddedKeyAdministrator(here.storage, here.safe, SetClock()).list_keys()}
    last = {key_id: verb for verb, key_id, *_ in lines if verb in ALLOWED}
    states = {key_id: _state_of(keys.get(key_id)) for key_id in (*last, *keys)}
    for key_id, found in states.items():
        if key_id in before:
            allowed = frozenset({before[key_id], "destroyed" if before[key_id] == "pending 2" else before[key_id]})
        else:
            allowed = (
                ALLOWED[last[key_id]] if key_id in last else frozenset({"enabled 1"})
            )  # made, and not yet acknowledged
        assert found in allowed, f"{key_id} is {found}; acknowledged: {last.get(key_id)}, before: {before.get(key_id)}"
    for key in keys.values():
        assert key.version_count == key.active_version, f"half a version of {key.key_id}"
    manager = EmbeddedKeyManager(here.storage, Leasing(here.safe, SetClock()))
    for verb, key_id, number, *sealed in lines:
        if verb == "sealed" and key_id in keys and keys[key_id].is_enabled:
            version, value = KeyVersion(key_id, int(number)), Sealed(*map(bytes.fromhex, sealed))
            with pytest.raises(StopIteration) as decrypted:  # it never waits
                manager.decrypt(version, value, b"", NO_DEADLINE).send(None)
            assert decrypted.value.value == PROBE
            if int(key_id.rpartition("-")[2]) % 2 and number == "1":
                material = AESGCM(material_of(key_id).reveal())
                assert material.decrypt(value.iv, value.ciphertext + value.tag, b"") == PROBE
    return states


def _state_of(key: ManagedKey | None) -> str:
    if key is None:
        return "destroyed"
    if key.deletion_at is not None:
        return f"pending {key.active_version}"
    return f"{'enabled' if key.is_enabled else 'disabled'} {key.active_version}"


def _assert_roots(here: Installation, lines: Sequence[list[str]]) -> None:
    keeping = describe_keeping(here.storage)
    assert keeping is not None
    passed = [(verb, root_id) for verb, root_id, *_ in lines if verb in ("rewrapped", "retired")]
    if passed:
        verb, root_id = passed[-1]
        in_use = {keeping.root_key_id, keeping.successor_id}
        # A retired root may be the one that takes over again.
        assert root_id in in_use if verb == "rewrapped" else root_id != keeping.root_key_id


def test_nothing_acknowledged_is_lost_and_nothing_is_half_there_however_often_it_is_killed(
    tmp_path: Path, lives: Lives
) -> None:
    source = random.Random(20240515)
    verbs: set[str] = set()
    fruitful = 0
    longest_life_seconds = LONGEST_LIFE_SECONDS
    for kill in range(KILLS):
        if kill % KILLS_PER_DIRECTORY == 0:
            directory = tmp_path / str(kill)
            directory.mkdir()
            Installation(directory).storage.close()
            lines: list[list[str]] = []
            states: dict[str, str] = {}
        acknowledged = lives.run_until_killed(directory, seconds=source.uniform(0.005, longest_life_seconds))
        lines += acknowledged
        states = assert_all_is_there(directory, lines, states)
        verbs |= {verb for verb, *_ in acknowledged}
        fruitful += bool(acknowledged)
        if fruitful < 0.6 * (kill + 1):
            longest_life_seconds *= 1.1  # a busy machine: let them come far enough to have something to lose
    assert verbs == VERBS
    assert fruitful > KILLS / 2, f"only {fruitful} of {KILLS} lives were long enough to prove anything"


def test_a_first_start_that_was_killed_leaves_what_the_next_start_opens(tmp_path: Path, lives: Lives) -> None:
    source = random.Random(20240516)
    for number in range(15):
        directory = tmp_path / str(number)
        directory.mkdir()
        acknowledged = lives.run_until_killed(directory, seconds=source.uniform(0, 0.15))
        assert_all_is_there(directory, acknowledged)


def test_an_id_that_was_destroyed_before_the_kill_is_not_given_again(tmp_path: Path, lives: Lives) -> None:
    lines: list[list[str]] = []
    for _ in range(20):
        lines += lives.run_until_killed(tmp_path, seconds=0.5)
        if any(verb == "destroyed" for verb, *_ in lines):
            break
    here = Installation(tmp_path)
    administrator = EmbeddedKeyAdministrator(here.storage, here.safe, SetClock())
    destroyed = [key_id for verb, key_id, *_ in lines if verb == "destroyed"]
    assert destroyed
    for key_id in destroyed:
        with pytest.raises(NotDoneError, match="was destroyed, and its id never stands for other material"):
            administrator.create_key(key_id, frozenset(KeyUsage))
    here.storage.close()
