"""The token that requests carry: got by a login, renewed before it expires, got anew when the server refuses it."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import Final, NamedTuple

from hyok.clock import NO_DEADLINE, Deadline, deadline_in
from hyok.keymanagers.errors import KeyManagerError
from hyok.keymanagers.tasks import OwnTasks, SharedWork
from hyok.keymanagers.transit.client import Request, TransitClient
from hyok.keymanagers.transit.logins import log_in
from hyok.keymanagers.transit.setup import Login
from hyok.keymanagers.transit.wire import TokenLease, decode_login, decode_token
from hyok.secret import Secret

LOGIN_SECONDS: Final = 10.0
"""For a login, renewal or look-up, which serves many requests and is bound to the deadline of none."""
RETRY_SECONDS: Final = 1.0
"""After a renewal or a first login that failed."""
LONGEST_RETRY_SECONDS: Final = 4.0
"""After logins that failed one after the other, each twice as long as before. Requests meanwhile fail at once: a wrong
secret at the rate of requests would fill the server's audit log and lock the role out."""
TRUSTED_SECONDS: Final = 1.0
"""How long after a look-up, or a login, a refusal is taken to be about the policy and not about the token."""
_RENEWED_AT: Final = 2 / 3
"""Of its life: what is left is time for more than one failure."""
_log = logging.getLogger(__name__)


class Token(NamedTuple):
    """A token in use."""

    secret: Secret
    life_seconds: float
    """When it was got or renewed; infinite for one that never expires."""
    is_renewable: bool
    got_at: float
    """`time.monotonic` seconds."""

    @property
    def renew_at(self) -> float:
        """When to renew it or to log in again."""
        return self.got_at + self.life_seconds * _RENEWED_AT

    @property
    def expires_at(self) -> float:
        """When the server forgets it."""
        return self.got_at + self.life_seconds


class Session:
    """Keeps one token."""

    def __init__(self, client: TransitClient, login: Login, tasks: OwnTasks) -> None:
        self._client = client
        self._login = login
        self._token: Token | None = None
        self._proven_at = 0.0
        self._failure: KeyManagerError | None = None
        self._retry_seconds = RETRY_SECONDS
        self._retry_at = 0.0
        self._is_changed = asyncio.Event()
        self._reported = ""
        self._logging_in = SharedWork(tasks, self._log_in)
        self._looking_up = SharedWork(tasks, self._look_up)

    async def token(self, deadline: Deadline) -> Token:
        """Return a token, if need be after a login. KeyManagerError."""
        token = self._token
        if token is not None and monotonic() < token.expires_at:
            return token
        if self._failure is not None and monotonic() < self._retry_at:
            raise KeyManagerError(self._failure.failure, self._failure.detail)
        return await self._logging_in.result(deadline)

    async def replace(self, refused: Token, deadline: Deadline) -> Token | None:
        """Return another token for one that was refused; None if that one is good all the same. KeyManagerError.

        A token that was revoked and a policy that forbids the request get the same answer; a look-up tells them apart.
        """
        if self._token is refused and monotonic() - self._proven_at > TRUSTED_SECONDS:
            await self._looking_up.result(deadline)
        return None if self._token is refused else await self.token(deadline)

    async def keep_valid(self) -> None:
        """Log in, and renew the token whenever it is time to, until cancelled."""
        while True:
            token = self._token
            try:
                if token is None:
                    await self._logging_in.result(NO_DEADLINE)
                elif await self._is_due(token):
                    await self._renew(token)
            except KeyManagerError as error:
                self._report(error.detail)
                await asyncio.sleep(max(RETRY_SECONDS, self._retry_at - monotonic()))

    async def _is_due(self, token: Token) -> bool:
        """Wait until it is time to renew the token; False if there is another one before that."""
        self._is_changed.clear()
        seconds = token.renew_at - monotonic()
        try:
            async with asyncio.timeout(None if seconds == float("inf") else seconds):
                await self._is_changed.wait()
        except TimeoutError:
            pass
        return self._token is token

    async def _renew(self, token: Token) -> None:
        if not token.is_renewable:
            await self._logging_in.result(NO_DEADLINE)
            return
        request = Request("POST", "/v1/auth/token/renew-self", b"{}")
        answer = await self._client.exchange(request, token.secret, deadline_in(LOGIN_SECONDS))
        if answer.status in (400, 403):  # unknown by now, or not renewable after all
            await self._logging_in.result(NO_DEADLINE)
            return
        lease = decode_login(answer)
        if lease.lease_duration < token.life_seconds / 2:  # its last life, cut short by its greatest age
            await self._logging_in.result(NO_DEADLINE)
            return
        self._take(_token_of(lease))

    async def _log_in(self) -> Token:
        try:
            lease = await log_in(self._client, self._login, deadline_in(LOGIN_SECONDS))
        except KeyManagerError as error:
            self._failure = error
            self._retry_at = monotonic() + self._retry_seconds
            self._retry_seconds = min(2 * self._retry_seconds, LONGEST_RETRY_SECONDS)
            raise
        self._failure = None
        self._retry_seconds = RETRY_SECONDS
        token = _token_of(lease)
        self._proven_at = monotonic()
        self._take(token)
        return token

    async def _look_up(self) -> None:
        token = self._token
        if token is None:
            return
        request = Request("GET", "/v1/auth/token/lookup-self")
        answer = await self._client.exchange(request, token.secret, deadline_in(LOGIN_SECONDS))
        if answer.status != 403:
            decode_token(answer)
            self._proven_at = monotonic()
        elif self._token is token:
            _log.warning("Transit does not know the token any more")
            self._token = None

    def _take(self, token: Token) -> None:
        self._token = token
        self._is_changed.set()
        self._reported = ""

    def _report(self, detail: str) -> None:
        if detail != self._reported:  # not once a second for as long as it lasts
            self._reported = detail
            _log.warning("Transit gives no token: %s", detail)


def _token_of(lease: TokenLease) -> Token:
    return Token(
        secret=Secret(lease.client_token.encode()),
        life_seconds=lease.lease_duration or float("inf"),
        is_renewable=lease.renewable,
        got_at=monotonic(),
    )
