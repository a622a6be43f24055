"""Look keys up on the token, and tell a key that never was from one that the token has lost."""

from __future__ import annotations

import time
from typing import Final, NoReturn

from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.pkcs11.cipher import CipherSession
from hyok.keymanagers.pkcs11.errors import KeyVanishedError
from hyok.keymanagers.pkcs11.key_names import parse_key_id
from hyok.keymanagers.pkcs11.keys import TokenKey, assemble_key, find_key_objects, key_id_of
from hyok.keymanagers.pkcs11.opening import OpenToken

LOSS_SECONDS: Final = 10.0
"""A key that was there and is not found counts as a fault of the token for so long; then it was destroyed."""
_RESTART_EVERY_SECONDS: Final = 4.0
_ABSENCE_SECONDS: Final = 1.0
"""How long a key that is not there is not looked for again."""
_REMEMBERED: Final = 100_000
_NAMES_SHOWN: Final = 10


class KeyFinder:
    """Finds keys by their ids and remembers which there were, beyond any one opening of the token."""

    def __init__(self) -> None:
        self._known: dict[str, float] = {}
        """Keys that were found at some time, and since when they are missing; infinity while they are not."""
        self._absent: dict[str, tuple[float, str]] = {}
        """Keys that never were there: until when that is taken as known, and what to say."""

    def find(self, session: CipherSession, token: OpenToken, key_id: str) -> TokenKey:
        """Look a key up and keep it in `token.keys`. An action of `TokenGuard.perform`.

        KeyManagerError KEY_NOT_FOUND names keys that are there; UNAVAILABLE, or KeyVanishedError so that the token is
        opened again, while the key may only be lost for the moment.
        """
        now = time.monotonic()
        until, detail = self._absent.get(key_id, (0.0, ""))
        if now < until:
            raise KeyManagerError(KeyManagerFailure.KEY_NOT_FOUND, detail)
        try:
            name = parse_key_id(key_id)
        except ValueError as error:
            raise KeyManagerError(KeyManagerFailure.KEY_NOT_FOUND, str(error)) from error
        objects = find_key_objects(session.library, session.handle, name)
        if not objects:
            token.keys.pop(key_id, None)
            self._report_missing(session, token, key_id, now)
        key = assemble_key(key_id, name, objects, found_at=now)
        if len(token.keys) >= _REMEMBERED:
            token.keys.clear()
        token.keys[key_id] = key
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[key_id] = float("inf")
        self._absent.pop(key_id, None)
        return key

    def _report_missing(self, session: CipherSession, token: OpenToken, key_id: str, now: float) -> NoReturn:
        missing_since = self._known.get(key_id)
        if missing_since is not None:
            missing_since = self._known[key_id] = min(missing_since, now)
            if now - missing_since < LOSS_SECONDS:
                text = f"key {key_id!r} was on the token and is not found now"
                # Nothing but a restart of the library brings lost keys back, but it disturbs all others.
                if token.opened_at < max(missing_since, now - _RESTART_EVERY_SECONDS):
                    raise KeyVanishedError(text)
                raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, text)
            del self._known[key_id]
        detail = _describe_absence(session, token, key_id)
        if len(self._absent) >= _REMEMBERED:
            self._absent.clear()
        self._absent[key_id] = (now + _ABSENCE_SECONDS, detail)
        raise KeyManagerError(KeyManagerFailure.KEY_NOT_FOUND, detail)


def _describe_absence(session: CipherSession, token: OpenToken, key_id: str) -> str:
    everything = find_key_objects(session.library, session.handle, None)
    names = sorted({key_id_of(each) for each in everything if each.key_spec == "AES_256"})
    there = ", ".join(repr(name) for name in names[:_NAMES_SHOWN])
    if len(names) > _NAMES_SHOWN:
        there += f" and {len(names) - _NAMES_SHOWN} more"
    return f"no secret key {key_id!r} on token {token.info.label!r}; the AES-256 keys there are: {there or 'none'}"
