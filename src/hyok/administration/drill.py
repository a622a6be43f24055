"""Rehearse a withdrawal on a key of no value, and tell how long each part took.

The drill has a key store of its own with one test key, so no customer's key is touched. It freezes that, waits for all
servers as `hyok freeze` does, and gives it back. Where it is told how to reach a proxy it also uses the key, all the
while, as AWS KMS would, and notes when the last use succeeded.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import msgspec

from hyok.administration.acknowledgements import Answer, ServerAnswer, await_servers
from hyok.administration.credentials import CredentialPair, create_credential
from hyok.administration.external_keys import add_external_key
from hyok.administration.freezes import freeze, read_standing, refuse_unsigned, unfreeze
from hyok.administration.keys import create_key, show_key
from hyok.administration.keystores import create_key_store, delete_key_store
from hyok.audit.errors import NoteError
from hyok.audit.notes import Signer, VerificationKey, parse_note
from hyok.clock import Clock, SystemClock, deadline_in
from hyok.custody.records import Recorder
from hyok.custody.rulings import Act, Judge, Scope, ScopeKind
from hyok.custody.safe import Safe
from hyok.errors import HyokError, NotDoneError
from hyok.keymanagers.interface import KeyAdministrator
from hyok.storage.changes import current_position
from hyok.storage.engine import Storage
from hyok.transport.client import HttpClientPool
from hyok.transport.sockets import Address
from hyok.transport.tls import TlsSetup
from hyok.xks.messages import EncryptRequest, RequestMetadata
from hyok.xks_client import XksProxyClient

TEST_KEY: Final = "hyok-drill"
"""The test key in its key manager. It stays there for the next drill."""
MOST_SECONDS: Final = 2.0
"""From the freeze to the last use."""
_REPORT: Final = "hyok.drill-report/1"
_PROBE_SECONDS: Final = 0.02
_SETTLE_SECONDS: Final = 0.5
_PATIENCE_SECONDS: Final = 10.0
_REQUEST: Final = EncryptRequest(
    RequestMetadata("Encrypt", "hyok-drill", "arn:aws:iam::000000000000:user/hyok-drill", "arn:aws:kms:drill"),
    bytes(32),
    "AES_GCM",
)


class Office(NamedTuple):
    """What a drill is done with."""

    storage: Storage
    safe: Safe
    clock: Clock
    recorder: Recorder
    judge: Judge
    key_manager: str
    administrator: KeyAdministrator


class Endpoint(NamedTuple):
    """How a proxy is reached."""

    host: str
    port: int
    tls: Callable[[], TlsSetup]


class Server(msgspec.Struct, frozen=True):
    """What a server said, and after how many seconds."""

    host: str
    pid: int
    answer: str
    seconds: float


class Step(msgspec.Struct, frozen=True):
    """A freeze or an unfreeze."""

    record: int
    at: str
    effective_after_seconds: float
    servers: tuple[Server, ...]


class Uses(msgspec.Struct, frozen=True):
    """What became of the requests that used the test key."""

    endpoint: str
    answers: dict[str, int]
    """How many, by the error's name; `ok` for those that succeeded."""
    last_use_after_seconds: float
    """From the freeze to the last success."""


class Report(msgspec.Struct, frozen=True):
    """What a drill came to."""

    hyok: str
    storage: str
    scope: str
    reason: str
    freeze: Step
    unfreeze: Step
    waits_for_operator: bool
    """Whether the unfreeze is not in force, because a second operator would have to confirm it."""
    uses: Uses | None
    has_passed: bool
    """Whether nothing was used two seconds after the freeze, and every server answered."""


def run_drill(office: Office, endpoint: Endpoint | None, *, version: str) -> Report:
    """Rehearse. NotDoneError, with nothing frozen, if the test key cannot be made or used, or not be unfrozen."""
    standing = read_standing(office.storage, office.judge)
    refuse_unsigned(standing, office.recorder, needed=office.judge.needed(standing, Act.UNFREEZE))
    with _test_ground(office) as (scope, uri_path, pair):
        with _probing(endpoint, uri_path, pair) as probe:
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


def sign_report(report: Report, signer: Signer, name: str) -> bytes:
    """Write a report as a signed note: a line that says what it is, and one of JSON."""
    return signer.sign(f"{_REPORT}\n{msgspec.json.encode(report).decode()}\n", name).encode()


def open_report(content: bytes, key: VerificationKey, name: str) -> Report:
    """Read a report that was signed with this key in this name. NoteError if it is none, or was altered."""
    note = parse_note(content)
    key.verify(note, name)
    kind, _, body = note.text.partition("\n")
    if kind != _REPORT:
        raise NoteError(f"this is signed, but no drill's report: it begins with {kind[:40]!r}")
    try:
        return msgspec.json.decode(body, type=Report)
    except msgspec.MsgspecError as error:
        raise NoteError(f"this is no drill's report: {error}") from error


def signers_of(content: bytes) -> tuple[str, ...]:
    """Return in whose names a report is signed, of which nothing is verified yet. NoteError if it is no note."""
    return tuple(each.name for each in parse_note(content).signatures)


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


class _Probe(threading.Thread):
    """Uses the test key again and again, in a thread of its own."""

    def __init__(self, endpoint: Endpoint, uri_path: str, pair: CredentialPair) -> None:
        super().__init__(name="hyok-drill", daemon=True)
        self._endpoint = endpoint
        self._uri_path = uri_path
        self._pair = pair
        self._over = threading.Event()
        self.answers: list[tuple[float, str]] = []

    def run(self) -> None:
        """Send until it is over."""
        asyncio.run(self._send())

    def stop(self) -> None:
        """Send no more."""
        self._over.set()
        self.join()

    def report(self, frozen_at: float, thawing_at: float) -> Uses:
        """Tell what became of the requests."""
        used = [at for at, outcome in self.answers if outcome == "ok" and frozen_at <= at < thawing_at]
        seconds = max(used, default=frozen_at) - frozen_at
        counts = Counter(outcome for _, outcome in self.answers)
        return Uses(f"{self._endpoint.host}:{self._endpoint.port}", dict(counts), round(seconds, 3))

    async def _send(self) -> None:
        host = self._endpoint.host
        pool = HttpClientPool(Address(host, self._endpoint.port), server_name=host, tls=self._endpoint.tls().context)
        client = XksProxyClient(
            pool,
            host=host if self._endpoint.port == 443 else f"{host}:{self._endpoint.port}",  # HTTPS
            uri_path=self._uri_path,
            region="us-east-1",
            access_key_id=self._pair.access_key_id,
            secret=self._pair.secret_access_key,
            clock=SystemClock(),
        )
        while not self._over.is_set():
            try:
                await client.encrypt(TEST_KEY, _REQUEST, deadline_in(2.0))
                outcome = "ok"
            except HyokError as error:
                outcome = str(error)
            self.answers.append((time.monotonic(), outcome))
            await asyncio.sleep(_PROBE_SECONDS)
        await pool.aclose()


@contextmanager
def _probing(endpoint: Endpoint | None, uri_path: str, pair: CredentialPair) -> Iterator[_Probe | None]:
    if endpoint is None:
        yield None
        return
    probe = _Probe(endpoint, uri_path, pair)
    probe.start()
    try:
        _await_use(probe)
        yield probe
    finally:
        probe.stop()


def _await_use(probe: _Probe) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while not any(outcome == "ok" for _, outcome in list(probe.answers)):
        if time.monotonic() > until or not probe.is_alive():
            last = probe.answers[-1][1] if probe.answers else "no answer"
            raise NotDoneError(f"the test key cannot be used at the endpoint, so nothing was frozen: {last}")
        time.sleep(_PROBE_SECONDS)
