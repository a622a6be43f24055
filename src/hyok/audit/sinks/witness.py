"""A witness (C2SP tlog-witness): it signs a log's checkpoint only if the log has grown from the one it signed before.

With its signature under a checkpoint not even whoever holds the signing key can show anybody another history.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from hyok.audit.checkpoints import parse_checkpoint
from hyok.audit.cosignatures import WitnessKey
from hyok.audit.errors import BrokenLogError, NoteError
from hyok.audit.layout import LogPlace
from hyok.audit.notes import parse_note
from hyok.audit.proof_checking import Consistency
from hyok.audit.proofs import prove_consistency, read_log_hashes
from hyok.audit.sinks.interface import SignedState, SinkError
from hyok.audit.trail import replace_file
from hyok.clock import deadline_in
from hyok.transport.client import HttpClientPool
from hyok.transport.exchange import HttpAnswer, TransportError

COSIGNED_SUFFIX: Final = "cosigned"
_PATIENCE_SECONDS: Final = 15.0
_OK, _CONFLICT = 200, 409
_SIGNATURE: Final = "\u2014 ".encode()


class WitnessSink:
    """Keeps the newest checkpoint that the witness signed as `checkpoint.NAME.cosigned` in the log's directory."""

    def __init__(self, name: str, client: HttpClientPool, *, host: str, target: str, key: WitnessKey) -> None:
        """`target` is the path of the witness's submission prefix, without a slash at its end."""
        self._name = name
        self._key = key
        self._client = client
        self._host = host.encode()
        self._target = f"{target}/add-checkpoint".encode()
        self._known: dict[str, int] = {}
        """By origin: the size that the witness has signed last."""

    async def send_records(self, messages: Sequence[bytes]) -> None:
        """Refuse: a witness is told no record."""
        raise SinkError(f"a witness takes no records ({len(messages)} given)")

    async def send_checkpoints(self, states: Sequence[SignedState]) -> None:
        """Have each signed. SinkError."""
        for state in states:
            await self._submit(state)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _submit(self, state: SignedState) -> None:
        checkpoint = parse_checkpoint(parse_note(state.note))
        answer = await self._post(state, self._known.get(checkpoint.origin, 0), checkpoint.size)
        if answer.status == _CONFLICT:
            # It says which size it knows: after a start of ours we do not.
            known = _parse_size(answer.body)
            answer = await self._post(state, known, checkpoint.size)
        if answer.status != _OK or not answer.body.startswith(_SIGNATURE):
            raise SinkError(
                f"the witness {self._name} does not sign {checkpoint.origin} with {checkpoint.size} records: it "
                f"answers {answer.status}"
            )
        self._known[checkpoint.origin] = checkpoint.size
        await asyncio.to_thread(self._keep, state.place, state.note + answer.body)

    async def _post(self, state: SignedState, known: int, size: int) -> HttpAnswer:
        if known > size:
            raise SinkError(
                f"the witness {self._name} knows {state.place.name} with {known} records, and it has {size}"
            )
        try:
            path = await asyncio.to_thread(_prove, state.place, known, size)
            body = Consistency(known, tuple(path), state.note).encode()
            return await self._client.exchange(
                method=b"POST",
                target=self._target,
                headers=((b"host", self._host), (b"content-type", b"text/plain; charset=utf-8")),
                body=body,
                deadline=deadline_in(_PATIENCE_SECONDS),
            )
        except (TransportError, BrokenLogError) as error:
            raise SinkError(f"the witness {self._name}: {error}") from error

    def _keep(self, place: LogPlace, cosigned: bytes) -> None:
        try:
            self._key.verify(parse_note(cosigned))
        except NoteError as error:
            raise SinkError(f"the witness {self._name} answers what is no signature of its own: {error}") from error
        replace_file(place.directory / f"checkpoint.{self._name}.{COSIGNED_SUFFIX}", cosigned)


def _prove(place: LogPlace, known: int, size: int) -> list[bytes]:
    return prove_consistency(read_log_hashes(place), known, size) if known else []


def _parse_size(body: bytes) -> int:
    digits = body.strip()
    if not digits.isdigit() or len(digits) > 18:  # as in a checkpoint
        raise SinkError("the witness answers 409 without the size that it knows")
    return int(digits)
