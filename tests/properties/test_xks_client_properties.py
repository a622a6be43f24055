from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from hyok.clock import NO_DEADLINE
from hyok.transport.exchange import HttpAnswer
from hyok.xks.errors import XksErrorName
from hyok.xks_client import XksClientError
from tests.unit.test_xks_client import (
    DECRYPT,
    DECRYPTED,
    ENCRYPT,
    ENCRYPTED,
    HEALTH,
    KEY,
    METADATA,
    ScriptedPool,
    client,
)

GOOD = [ENCRYPTED, DECRYPTED, KEY, HEALTH]
ERRORS = [b'{"errorName":"%b"}' % name.value.encode() for name in XksErrorName]
STATUSES = st.sampled_from([200, 201, 302, 400, 401, 403, 404, 429, 500, 501, 503])


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Answers that are nearly right: one of the good ones with a piece cut out and another put in."""
    body = draw(st.sampled_from(GOOD + ERRORS) | st.binary(max_size=64))
    start, end = sorted(draw(st.lists(st.integers(0, len(body)), min_size=2, max_size=2)))
    return body[:start] + draw(st.binary(max_size=8)) + body[end:]


async def ask_everything(answer: HttpAnswer) -> None:
    xks = client(ScriptedPool(answer))
    for question in (
        xks.encrypt("key-1", ENCRYPT, NO_DEADLINE),
        xks.decrypt("key-1", DECRYPT, NO_DEADLINE),
        xks.get_key_metadata("key-1", METADATA, NO_DEADLINE),
        xks.get_health_status(METADATA, NO_DEADLINE),
    ):
        try:
            await question
        except XksClientError:
            continue
        assert answer.status == 200


@settings(max_examples=300, derandomize=True, deadline=None)
@given(STATUSES, bodies())
def test_any_answer_is_a_result_or_one_of_the_clients_errors(status: int, body: bytes) -> None:
    asyncio.run(ask_everything(HttpAnswer(status, (), body)))
