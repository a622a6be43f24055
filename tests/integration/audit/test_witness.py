"""A witness that follows C2SP tlog-witness, and what it makes of a log that grows, and of one that does not."""

from __future__ import annotations

import asyncio
import base64
import os
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hyok.audit.checkpoints import Checkpoint, open_checkpoint
from hyok.audit.cosignatures import WitnessKey, cosigned_message, parse_witness_key
from hyok.audit.errors import NoteError
from hyok.audit.notes import parse_note
from hyok.audit.proof_checking import Consistency, check_consistency, parse_proof
from hyok.audit.sinks.interface import SinkError
from hyok.audit.sinks.shipping import Shipment, Shipping
from hyok.audit.sinks.witness import WitnessSink
from hyok.transport.client import HttpClientPool
from hyok.transport.sockets import Address
from tests.unit.audit.logs import append, new_signer, open_log

SIGNER = new_signer()
NAME = "witness.example/w1"
SIGNED_AT = 1_764_000_000


class Witness:
    """Keeps the newest checkpoint of each log, and signs the next only if it is proved to grow from that."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.known: dict[str, Checkpoint] = {}
        self.statuses: list[int] = []
        witness = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                status, body = witness.answer(self.path, self.rfile.read(int(self.headers["content-length"])))
                witness.statuses.append(status)
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def key(self) -> WitnessKey:
        return parse_witness_key(self.key_text)

    @property
    def key_text(self) -> str:
        public = b"\x04" + self._key.public_key().public_bytes_raw()
        key_id = sha256(NAME.encode() + b"\n" + public).hexdigest()[:8]
        return f"{NAME}+{key_id}+{base64.b64encode(public).decode()}"

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        proof = parse_proof(body)
        assert path == "/logs/add-checkpoint"
        assert isinstance(proof, Consistency)
        new = open_checkpoint(proof.checkpoint, SIGNER.key)
        old = self.known.get(new.origin)
        if proof.old_size != (old.size if old else 0):
            return 409, b"%d\n" % (old.size if old else 0)
        if old is not None:
            try:
                check_consistency(proof, old, SIGNER.key)
            except NoteError:
                return 422, b""
        self.known[new.origin] = new
        signature = self._key.sign(cosigned_message(parse_note(proof.checkpoint).text, SIGNED_AT))
        encoded = base64.b64encode(self.key.key_id + SIGNED_AT.to_bytes(8, "big") + signature).decode()
        return 200, f"\u2014 {NAME} {encoded}\n".encode()

    def sink(self) -> WitnessSink:
        address = Address("127.0.0.1", self.server.server_address[1])
        client = HttpClientPool(address, server_name="127.0.0.1", tls=None)
        return WitnessSink("w1", client, host=str(address), target="/logs", key=self.key)


@pytest.fixture
def witness() -> Iterator[Witness]:
    witness = Witness()
    yield witness
    witness.server.shutdown()
    witness.server.server_close()


def write(directory: Path, *key_ids: str) -> None:
    log = open_log(directory, SIGNER)
    append(log, *key_ids)
    log.close()


def submit(directory: Path, witness: Witness) -> None:
    """Send the checkpoints, as a process that has just started."""

    async def scenario() -> None:
        shipping = Shipping("w1", directory, witness.sink(), Shipment(None, 0.0))
        try:
            await shipping.send()
        finally:
            await shipping.send_rest()

    asyncio.run(scenario())


def test_a_growing_log_is_signed_again_and_again_also_by_a_process_that_knows_nothing(
    tmp_path: Path, witness: Witness
) -> None:
    for key_ids in (("a",), ("b", "c"), tuple("defghij")):
        write(tmp_path, *key_ids)
        submit(tmp_path, witness)

    (known,) = witness.known.values()
    assert known.size == 14
    assert 409 in witness.statuses  # the second process did not know how far the witness was
    cosigned = parse_note((tmp_path / "proxy-1" / "checkpoint.w1.cosigned").read_bytes())
    assert witness.key.verify(cosigned) == SIGNED_AT
    assert open_checkpoint((tmp_path / "proxy-1" / "checkpoint.w1.cosigned").read_bytes(), SIGNER.key) == known


def test_a_log_that_was_written_anew_is_not_signed(tmp_path: Path, witness: Witness) -> None:
    write(tmp_path, "a")
    submit(tmp_path, witness)
    origin, known = next(iter(witness.known.items()))
    witness.known[origin] = known._replace(root=os.urandom(32))  # as if it had seen another history
    write(tmp_path, "b")

    with pytest.raises(SinkError, match="answers 422"):
        submit(tmp_path, witness)


def test_a_log_that_became_shorter_is_not_even_submitted(tmp_path: Path, witness: Witness) -> None:
    write(tmp_path, "a")
    submit(tmp_path, witness)
    origin, known = next(iter(witness.known.items()))
    witness.known[origin] = known._replace(size=999)

    with pytest.raises(SinkError, match="knows proxy-1 with 999 records, and it has 3"):
        submit(tmp_path, witness)


def test_the_signature_of_another_witness_is_refused(tmp_path: Path, witness: Witness) -> None:
    write(tmp_path, "a")
    other = Witness()
    sink = witness.sink()
    sink._key = other.key
    other.server.shutdown()
    other.server.server_close()

    async def scenario() -> None:
        try:
            await Shipping("w1", tmp_path, sink, Shipment(None, 0.0)).send()
        finally:
            await sink.aclose()

    with pytest.raises(SinkError, match="no signature of its own"):
        asyncio.run(scenario())


@pytest.mark.parametrize(
    "text", ["", "a+b", "a+b+c", f"{NAME}+00000000+{base64.b64encode(b'x04' + bytes(32)).decode()}"]
)
def test_what_is_no_key_of_a_witness_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_witness_key(text)


def test_a_mistyped_key_of_a_witness_is_noticed(witness: Witness) -> None:
    name, _, rest = witness.key_text.partition("+")

    with pytest.raises(NoteError, match="something is mistyped"):
        parse_witness_key(f"{name}x+{rest}")
