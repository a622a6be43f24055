"""An authorizer over HTTP that answers as the Open Policy Agent does.

`POST URL` with `{"input": …}` answers `{"result": true}` or `{"result": {"allow": true, "reason": "…"}}`. An answer
without a result is a no, as in OPA; anything that is no answer refuses the request, too.
"""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp
import msgspec

from hyok.proxy.authorization.authorizer import Answer, AuthorizerError, Question
from hyok.secret import Secret
from hyok.transport.tls import TlsSetup

MAX_ANSWER_BYTES: Final = 65_536
_MAX_REASON_CHARACTERS: Final = 256
_CONNECTIONS: Final = 256
_OK: Final = 200
_ATTEMPTS: Final = 2
"""A kept connection may have been closed by the other end; to ask once more changes nothing there."""


class HttpAuthorizer:
    """Asks an authorizer over HTTP. Use within a running loop, and close it."""

    def __init__(self, url: str, *, tls: TlsSetup | None, token: Secret | None = None) -> None:
        """`tls` is None for plain HTTP to this machine. `token` is sent as a bearer token."""
        self._url = url
        headers = {"content-type": "application/json"}
        if token is not None:
            headers["authorization"] = f"Bearer {token.reveal().decode('ascii')}"
        connector = aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=True if tls is None else tls.context)
        # No time limit of its own: the request's deadline cancels the question.
        self._session = aiohttp.ClientSession(
            connector=connector, headers=headers, timeout=aiohttp.ClientTimeout(total=None)
        )

    async def ask(self, question: Question) -> Answer:
        """Return its answer. AuthorizerError if there is none, or none that can be understood."""
        # In a task of its own: aiohttp works in nothing else, and a request is answered outside of one until it waits.
        asking = asyncio.get_running_loop().create_task(self._ask(msgspec.json.encode({"input": question})))
        try:
            return await asking
        finally:
            asking.cancel()

    async def _ask(self, body: bytes) -> Answer:
        for attempt in range(_ATTEMPTS):
            try:
                return await self._ask_once(body)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                if attempt == _ATTEMPTS - 1:
                    raise AuthorizerError(f"the authorizer cannot be reached: {type(error).__name__}") from error
            except aiohttp.ClientError as error:
                raise AuthorizerError(f"the authorizer gave no answer: {type(error).__name__}") from error
        raise AssertionError

    async def aclose(self) -> None:
        """Close its connections."""
        await self._session.close()

    async def _ask_once(self, body: bytes) -> Answer:
        async with self._session.post(self._url, data=body, allow_redirects=False) as response:
            if response.status != _OK:
                raise AuthorizerError(f"the authorizer answered {response.status} instead of 200")
            answered = await response.content.read(MAX_ANSWER_BYTES + 1)
            while len(answered) <= MAX_ANSWER_BYTES and not response.content.at_eof():
                answered += await response.content.read(MAX_ANSWER_BYTES + 1)
        return read_answer(answered)


def read_answer(body: bytes) -> Answer:
    """Read what an authorizer answered. AuthorizerError if it is no answer."""
    if len(body) > MAX_ANSWER_BYTES:
        raise AuthorizerError(f"the authorizer answered more than {MAX_ANSWER_BYTES} bytes")
    try:
        result = _answers.decode(body).result
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise AuthorizerError(f"the authorizer answered {len(body)} bytes that are no decision") from error
    match result:
        case bool():
            return Answer(result, "")
        case _Result():
            return Answer(result.allow, result.reason[:_MAX_REASON_CHARACTERS])
        case None:
            return Answer(False, "undefined")  # the name of the field stands above


class _Result(msgspec.Struct, frozen=True):
    allow: bool = False
    reason: str = ""


class _Document(msgspec.Struct, frozen=True):
    result: bool | _Result | None = None


_answers: Final = msgspec.json.Decoder(_Document)
