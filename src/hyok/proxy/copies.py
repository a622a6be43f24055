"""An external key that several key managers have, each a copy of its own: an HSM first, OpenBao in its place.

Encrypt and GetKeyMetadata go to the first copy that works, in their order. Decrypt goes to the one that sealed: only
that has the material. A refusal (the key is disabled, say) is an answer and no reason to ask another: who withdraws a
key in the first manager has withdrawn it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from hyok.clock import Deadline
from hyok.keymanagers.breaker import Breaker, says_nothing_of_the_request
from hyok.keymanagers.errors import KeyManagerError
from hyok.proxy.call import KeyCall
from hyok.proxy.deadline import finish_by
from hyok.proxy.keystores import ExternalKey
from hyok.proxy.operations.decrypt import sealing_copy
from hyok.proxy.operations.on_key import KeyRequest, KeyResponse, perform_on_key
from hyok.xks.errors import XksError, XksErrorName
from hyok.xks.messages import DecryptRequest

Call = Callable[[ExternalKey, Deadline], KeyCall]
"""Begins the use of one copy."""
_SHARE: Final = 0.5
"""Of the time that is left, what a copy gets when there is another to ask after it."""


class Copies:
    """Chooses among the copies of external keys, and remembers which key managers have failed lately."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._breakers: dict[str, Breaker] = {}

    async def perform(self, asked: KeyRequest, key: ExternalKey, call: Call, deadline: Deadline) -> KeyResponse:
        """Perform a request on a key that has copies; `call` begins the use of one. XksError, KeyManagerError."""
        if isinstance(asked, DecryptRequest):
            number = sealing_copy(asked)
            for copy in key.copies:
                if copy.copy == number:
                    return await perform_on_key(asked, call(copy, deadline))
            raise XksError(XksErrorName.INVALID_CIPHERTEXT, "no copy of this key has sealed this ciphertext")
        waiting = sorted(key.copies, key=lambda copy: self._breaker(copy).is_resting)
        while len(waiting) > 1:
            answer = await self._try(asked, waiting.pop(0), call, self._share_of(deadline))
            if answer is not None:
                return answer
        return await self._insist(asked, waiting[0], call, deadline)

    async def _try(self, asked: KeyRequest, copy: ExternalKey, call: Call, until: Deadline) -> KeyResponse | None:
        """Return the answer of one copy; None if it does not work, so that another is to be asked."""
        try:
            return await self._insist(asked, copy, call, until)
        except KeyManagerError as error:
            if not says_nothing_of_the_request(error):
                raise
        except XksError as error:
            if error.name is not XksErrorName.INTERNAL:
                raise
        return None

    async def _insist(self, asked: KeyRequest, copy: ExternalKey, call: Call, until: Deadline) -> KeyResponse:
        """Return the answer of one copy, whatever it is, and keep in mind whether it works."""
        breaker = self._breaker(copy)
        breaker.note_asked()
        try:
            answer = await finish_by(until, perform_on_key(asked, call(copy, until)))
        except KeyManagerError as error:
            if says_nothing_of_the_request(error):
                breaker.note_failure()
            else:
                breaker.note_answer()
            raise
        except XksError:
            breaker.note_failure()  # it does not decrypt what it has encrypted
            raise
        breaker.note_answer()
        return answer

    def _breaker(self, copy: ExternalKey) -> Breaker:
        breaker = self._breakers.get(copy.key_manager)
        if breaker is None:
            breaker = self._breakers[copy.key_manager] = Breaker(self._monotonic)
        return breaker

    def _share_of(self, deadline: Deadline) -> Deadline:
        now = self._monotonic()
        return Deadline(now + _SHARE * (deadline - now))
