"""Keep a token open, and turn whatever goes wrong with it into the failures of a key manager.

A fault is first met by opening the token again, then by initialising the whole library anew, which alone helps after a
token was lost and came back. One thread recovers, the others wait for it; attempts that fail keep a growing distance.
"""

from __future__ import annotations

import contextlib
import logging
import syslog
import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import Final, TypeVar, TypeVarTuple

from hyok.errors import HyokError, OperatorError
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.pkcs11.apart import apart
from hyok.keymanagers.pkcs11.cipher import CipherSession
from hyok.keymanagers.pkcs11.errors import KeyVanishedError, TokenMissingError, TokenRefusedError
from hyok.keymanagers.pkcs11.library import CryptokiError, TokenInfo
from hyok.keymanagers.pkcs11.meanings import Meaning, is_of_decryption, meaning_of
from hyok.keymanagers.pkcs11.modules import Module, ModuleBusyError
from hyok.keymanagers.pkcs11.opening import OpenToken, TokenAccess, open_token, session_flags
from hyok.keymanagers.pkcs11.trial import prove_health

PROOF_SECONDS: Final = 1.0
"""How long a key that was seen to work vouches for the token when a code is ambiguous."""
DOUBTS_ALLOWED: Final = 32
"""Ambiguous failures without any success in between, after which the test key must prove the token's health again.

Together they keep the price of a wrong tag near that of a good one, and bound what is answered wrongly should the token
break without a word.
"""
_LOOKS_AT_START: Final = 2
FIRST_RETRY_SECONDS: Final = 0.25
LONGEST_RETRY_SECONDS: Final = 4.0
"""Recovery is to take no longer than five seconds once the token is back."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
_LOG: Final = logging.getLogger(__name__)


class Seat:
    """What one thread owns: a session, opened when it is first needed."""

    __slots__ = ("session", "token")

    def __init__(self) -> None:
        self.session: CipherSession | None = None
        self.token: OpenToken | None = None


class _Remedy(Enum):
    NEW_SESSION = auto()
    REOPEN = auto()
    RESTART = auto()


class TokenGuard:
    """One token of one module, kept open. Called from many threads."""

    def __init__(self, name: str, module: Module, access: TokenAccess) -> None:
        self._name = name
        self._module = module
        self._access = access
        self._current: OpenToken | None = None
        self._info: TokenInfo | None = None
        self._refusal: TokenRefusedError | None = None
        self._recovering = threading.Lock()
        self._retry_at = 0.0
        self._attempts = 0
        if access.dialect.floods_syslog:
            # For the whole process, which writes nothing there itself; what is critical still gets through.
            syslog.setlogmask(syslog.LOG_UPTO(syslog.LOG_CRIT))
        module.acquire()

    @property
    def current(self) -> OpenToken | None:
        """The token, if it is open."""
        return self._current

    @property
    def info(self) -> TokenInfo | None:
        """What the token said of itself when it was last opened."""
        return self._info

    @apart
    def connect(self, *, others_stand_in: bool = False) -> None:
        """Open the token now. OperatorError for what an operator must put right.

        A device that is merely away is logged and tried again with each call: a proxy has to start without it. Where
        the library has other tokens, one that is not there is more likely a typo, unless `others_stand_in` for it.
        """
        cause = self._try_to_connect(_Remedy.REOPEN)
        for _ in range(_LOOKS_AT_START):
            if not isinstance(cause, TokenMissingError):
                break
            # SoftHSM overlooks a token whose files another process has locked, until it is initialised anew.
            time.sleep(max(0.0, self._retry_at - time.monotonic()))
            cause = self._try_to_connect(_Remedy.RESTART)
        match cause:
            case None:
                return
            case TokenRefusedError():
                raise OperatorError(f"key manager {self._name}: {cause}") from cause
            case TokenMissingError(others_are_there=True) if not others_stand_in:
                raise OperatorError(f"key manager {self._name}: {cause}") from cause
            case _:
                _LOG.warning("key manager %s starts without its token: %s", self._name, cause)

    def _try_to_connect(self, remedy: _Remedy) -> BaseException | None:
        """Open the token; return what kept it from it."""
        try:
            self._recover(None, remedy)
        except KeyManagerError as error:
            return error.__cause__
        return None

    def perform(self, seat: Seat, action: Callable[[CipherSession, OpenToken, *Ts], T], *arguments: *Ts) -> T:
        """Run `action(session, token, *arguments)`; once more after a recovery. Raises KeyManagerError only."""
        trouble: HyokError = ModuleBusyError("the library is initialised anew again and again")
        for _ in range(2):
            token = self._open_now()
            try:
                generation = self._module.enter()
                try:
                    if token.generation == generation:
                        return action(self._session(seat, token), token, *arguments)
                    remedy = _Remedy.REOPEN  # another manager had the library initialised anew
                except CryptokiError as error:
                    trouble, remedy = error, self._judge(error, seat, token)
                finally:
                    self._module.leave()
            except KeyVanishedError as error:
                trouble, remedy = error, _Remedy.RESTART
            except CryptokiError as error:  # not even initialised
                trouble, remedy = error, _Remedy.REOPEN
            if remedy is not _Remedy.NEW_SESSION:
                self._recover(token, remedy, trouble=trouble)
        raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, str(trouble)) from trouble

    def prove_health(self, session: CipherSession, token: OpenToken) -> None:
        """An action for `perform`: have the token answer, and its test key encrypt and decrypt."""
        # The test key lives in the session: a token may use it still when all that was stored is gone.
        session.library.token_info(token.slot)
        prove_health(session, token.test_key)
        vouch(token)

    def close_seat(self, seat: Seat) -> None:
        """Close a thread's session."""
        if seat.session is not None and seat.token is not None:
            self._close_session(seat.session.handle, seat.token.generation)
        seat.session = seat.token = None

    def close(self) -> None:
        """Log out of the token, by closing the last session, and let go of the module."""
        if self._current is not None:
            self._close_session(self._current.keeper, self._current.generation)
            self._current = None
        self._module.release()

    def _open_now(self) -> OpenToken:
        token = self._current
        if token is not None and token.generation == self._module.generation:
            return token
        return self._recover(token, _Remedy.REOPEN)

    def _session(self, seat: Seat, token: OpenToken) -> CipherSession:
        if seat.token is token and seat.session is not None:
            return seat.session
        if seat.session is not None and seat.token is not None and seat.token.generation == token.generation:
            with contextlib.suppress(CryptokiError):
                seat.session.close()
        seat.session = seat.token = None
        flags = session_flags(self._access.dialect, read_write=False)
        handle = self._module.library.open_session(token.slot, flags)
        seat.session = CipherSession(self._module.library, handle, self._access.dialect)
        seat.token = token
        return seat.session

    def _judge(self, error: CryptokiError, seat: Seat, token: OpenToken) -> _Remedy:
        """Say what would help; KeyManagerError if the call failed for a reason of its own. Called inside the module."""
        match meaning_of(error.function, error.code, decrypt_codes=self._access.dialect.decrypt_codes):
            case Meaning.REJECTED:
                raise _failure(KeyManagerFailure.CIPHERTEXT_REJECTED, error)
            case Meaning.SUSPECT:
                if not self._is_well(seat, token):
                    return _Remedy.REOPEN
                if is_of_decryption(error.function):
                    raise _failure(KeyManagerFailure.CIPHERTEXT_REJECTED, error)
                raise _failure(KeyManagerFailure.UNAVAILABLE, error)
            case Meaning.SESSION_SPOILT:
                self._drop_session(seat)
                return _Remedy.NEW_SESSION
            case Meaning.LOST:
                return _Remedy.REOPEN
            case Meaning.KEY_STALE:
                return _Remedy.RESTART  # found anew and still no good
            case Meaning.NOT_PERMITTED:
                raise _failure(KeyManagerFailure.USAGE_NOT_PERMITTED, error)
            case Meaning.BUSY:
                raise _failure(KeyManagerFailure.OVERLOADED, error)
            case Meaning.UNSUPPORTED:
                raise _failure(KeyManagerFailure.UNSUPPORTED, error)
            case Meaning.FAILED:
                raise _failure(KeyManagerFailure.UNAVAILABLE, error)

    def _is_well(self, seat: Seat, token: OpenToken) -> bool:
        if token.doubts < DOUBTS_ALLOWED and time.monotonic() - token.proven_at < PROOF_SECONDS:
            token.doubts += 1
            return True
        # Another session: what has just failed may have left this one in the midst of something.
        self._drop_session(seat)
        try:
            self.prove_health(self._session(seat, token), token)
        except (CryptokiError, KeyManagerError):
            return False
        return True

    def _drop_session(self, seat: Seat) -> None:
        if seat.session is not None:
            with contextlib.suppress(CryptokiError):
                seat.session.close()
        seat.session = seat.token = None

    def _recover(self, seen: OpenToken | None, remedy: _Remedy, *, trouble: HyokError | None = None) -> OpenToken:
        """Return the token, opened again unless somebody has since it was `seen`. Called outside the module."""
        with self._recovering:
            current = self._current
            if current is not None and current is not seen and current.generation == self._module.generation:
                return current
            self._require_attempt(seen)
            if trouble is not None:
                _LOG.warning("key manager %s lost its token: %s", self._name, trouble)
            self._current = None
            try:
                token = self._open_again(seen, remedy)
            except TokenRefusedError as error:
                self._refusal = error
                _LOG.error("key manager %s is out of use until it is started again: %s", self._name, error)
                raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, str(error)) from error
            except (CryptokiError, TokenMissingError, ModuleBusyError) as error:
                raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, str(error)) from error
            _LOG.info("key manager %s has opened token %r in slot %d", self._name, token.info.label, token.slot)
            if seen is not None:
                self._close_session(seen.keeper, seen.generation)
            self._info = token.info
            self._current = token
            return token

    def _require_attempt(self, seen: OpenToken | None) -> None:
        """KeyManagerError if the token must not, or not yet, be opened again."""
        if self._refusal is not None:
            raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, str(self._refusal)) from self._refusal
        if seen is not None and seen.generation != self._module.generation:
            return  # no fault of this token: another manager had the library initialised anew
        now = time.monotonic()
        if seen is not None and seen.proven_at > seen.opened_at:
            self._attempts = 0  # it has served since the last attempt
        if now < self._retry_at:
            raise KeyManagerError(
                KeyManagerFailure.UNAVAILABLE,
                f"the token is away; it is looked for again in {self._retry_at - now:.1f} seconds",
            )
        self._retry_at = now + min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2**self._attempts)
        self._attempts += 1

    def _open_again(self, seen: OpenToken | None, remedy: _Remedy) -> OpenToken:
        generation = self._module.generation if seen is None else seen.generation
        has_failed_at_once = seen is not None and seen.proven_at == seen.opened_at
        if generation != self._module.generation or (remedy is not _Remedy.RESTART and not has_failed_at_once):
            with contextlib.suppress(CryptokiError, TokenMissingError):
                return self._open()
        self._module.restart(self._module.generation if seen is None else seen.generation)
        return self._open()

    def _open(self) -> OpenToken:
        generation = self._module.enter()
        try:
            return open_token(self._module.library, self._access, generation=generation, read_write=False)
        finally:
            self._module.leave()

    def _close_session(self, handle: int, generation: int) -> None:
        if generation != self._module.generation:
            return  # the handle is nobody's now, or somebody else's
        with contextlib.suppress(CryptokiError):
            now = self._module.enter()
            try:
                if generation == now:
                    self._module.library.close_session(handle)
            finally:
                self._module.leave()


def vouch(token: OpenToken) -> None:
    """Note that a key of the token has just worked."""
    token.proven_at = time.monotonic()
    token.doubts = 0


def _failure(failure: KeyManagerFailure, error: CryptokiError) -> KeyManagerError:
    raised = KeyManagerError(failure, str(error))
    raised.__cause__ = error
    return raised
