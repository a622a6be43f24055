"""Rehearse a withdrawal on a key of no value, and tell how long each part took.

The drill has a key store of its own with one test key, so no customer's key is touched. It freezes that, waits for all
servers as `hyok freeze` does, and gives it back. Where it is told how to reach a proxy it also uses the key, all the
while, as AWS KMS would, and notes when the last use succeeded.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from hyok.administration.acknowledgements import Answer, ServerAnswer, await_servers
from hyok.administration.credentials import CredentialPair, create_credential
from hyok.administration.drill_probe import Endpoint, probing
from hyok.administration.drill_report import Report, Server, Step
from hyok.administration.external_keys import add_external_key
from hyok.administration.freezes import freeze, read_standing, refuse_unsigned, unfreeze
from hyok.administration.keys import create_key, show_key
from hyok.administration.keystores import create_key_store, delete_key_store
from hyok.clock import Clock
from hyok.custody.records import Recorder
from hyok.custody.rulings import Act, Judge, Scope, ScopeKind
from hyok.custody.safe import Safe
from hyok.errors import NotDoneError
from hyok.keymanagers.interface import KeyAdministrator
from hyok.storage.changes import current_position
from hyok.storage.engine import Storage

TEST_KEY: Final = "hyok-drill"
"""The test key in its key manager. It stays there for the next drill."""
MOST_SECONDS: Final = 2.0
"""From the freeze to the last use."""
_SETTLE_SECONDS: Final = 0.5


class Office(NamedTuple):
    """What a drill is done with."""

    storage: Storage
    safe: Safe
    clock: Clock
    recorder: Recorder
    judge: Judge
    key_manager: str
    administrator: KeyAdministrator


def run_drill(office: Office, endpoint: Endpoint | None, *, version: str) -> Report:
    """Rehearse. NotDoneError, with nothing frozen, if the test key cannot be made or used, or not be unfrozen."""
    standing = read_standing(office.storage, office.judge)
    refuse_unsigned(standing, office.recorder, needed=office.judge.needed(standing, Act.UNFREEZE))
    with _test_ground(office) as (scope, uri_path, pair):
        with probing(endpoint, uri_path, pair, TEST_KEY) as probe:
            began = time.monotonic()
            frozen = freeze(office.storage, office.recorder, scope)
            freezing = _step(office.storage, frozen.record.sequence, frozen.record.at, frozen.position, began)
            time.sleep(_SETTLE_SECONDS)
            thawing_at = time.monotonic()
            thawed = unfreeze(office.storage, office.recorder, office.judge, scope)
            record = thawed.ruled[-1].record
            thawing = _step(office.storage, record.sequence, record.at, thawed.ruled[-1].position, thawing_at)
            time.sleep(_SETTLE_SECONDS)
        uses = None if probe is None else probe.report(began, thawing_at)
    answered = all(each.answer != Answer.EXPIRED.value for each in freezing.servers)
    seconds = freezing.effective_after_seconds if uses is None else uses.last_use_after_seconds
    return Report(
        version,
        office.safe.store_id,
        str(scope),
        office.recorder.author.reason,
        freezing,
        thawing,
        bool(thawed.pending),
        uses,
        answered and seconds <= MOST_SECONDS,
    )


@contextmanager
def _test_ground(office: Office) -> Iterator[tuple[Scope, str, CredentialPair]]:
    storage, clock = office.storage, office.clock
    try:
        show_key(office.administrator, TEST_KEY)
    except NotDoneError:
        create_key(office.administrator, TEST_KEY)
    name = f"hyok-drill-{secrets.token_hex(4)}"
    key_store = create_key_store(storage, clock, name=name)
    try:
        pair = create_credential(storage, office.safe, clock, key_store=name)
        add_external_key(
            storage,
            clock,
            key_store=name,
            external_key_id=TEST_KEY,
            key_manager=office.key_manager,
            manager_key_id=TEST_KEY,
        )
        with storage.reading() as connection:
            position = current_position(connection)
        await_servers(storage, position, changed_at=time.monotonic())
        yield Scope(ScopeKind.KEY_STORE, name), key_store.uri_path, pair
    finally:
        delete_key_store(storage, clock, name, with_keys=True)


def _step(storage: Storage, record: int, at: str, position: int, began: float) -> Step:
    answers = await_servers(storage, position, changed_at=time.monotonic())
    seconds = time.monotonic() - began if answers else 0.0
    return Step(record, at, round(seconds, 3), tuple(map(_server, answers)))


def _server(answer: ServerAnswer) -> Server:
    return Server(answer.host, answer.pid, answer.answer.value, round(answer.seconds, 3))
