"""What may be done with a key and its versions, and in which words it is refused. No input or output."""

from __future__ import annotations

from typing import Final

from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure, KeyRotatedError
from hyok.keymanagers.interface import KeyDescription, KeyUsage
from hyok.keymanagers.kmip.objects import KeyObject
from hyok.keymanagers.kmip.versions import Key, may_have_been, usages_of
from hyok.keymanagers.kmip.vocabulary import State

_GONE: Final = frozenset({State.DESTROYED, State.DESTROYED_COMPROMISED})


def describe(key: Key) -> KeyDescription:
    """Describe a key by its newest version; one that has only drafts by those, as disabled."""
    described = key.newest or key.drafts[0]
    key_spec = "AES_256" if described.is_aes_256 else described.key_spec
    return KeyDescription(key_spec=key_spec, usages=usages_of(described), is_enabled=key.is_enabled)


def require_encrypting(key: Key, number: int) -> KeyObject:
    """Return the object of a version that may encrypt. KeyManagerError says why it may not.

    KeyRotatedError if it may no longer, but a newer one may.
    """
    key_object = key.versions.get(number)
    if key.is_disabled or key.newest is None:
        raise _disabled(key)
    if key_object is None:
        raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, f"key {key.id} has no version {number} to encrypt under")
    if key_object.state is not State.ACTIVE:
        if key.is_enabled:
            raise KeyRotatedError(f"version {number} of key {key.id} is {_word(key_object.state)}")
        raise _disabled(key)
    _require(key, key_object, KeyUsage.ENCRYPT)
    return key_object


def require_decrypting(key: Key, number: int, *, is_refused: bool = False) -> KeyObject:
    """Return the object of a version that may decrypt. KeyManagerError says why it may not.

    Whether a deactivated or compromised version decrypts is for the server to say (KMIP 2.1, 3.4), which has said no if
    `is_refused`.
    """
    if key.is_disabled:
        raise _disabled(key)
    key_object = key.versions.get(number)
    if key_object is None:
        raise _missing(key, number)
    if key_object.state in _GONE or (is_refused and key_object.state is not State.ACTIVE):
        raise KeyManagerError(
            KeyManagerFailure.KEY_DISABLED, f"version {number} of key {key.id} is {_word(key_object.state)}"
        )
    _require(key, key_object, KeyUsage.DECRYPT)
    return key_object


def _missing(key: Key, number: int) -> KeyManagerError:
    # Of an object that was destroyed, or is hidden from us, the ciphertext may be fine.
    failure = KeyManagerFailure.UNAVAILABLE if may_have_been(key, number) else KeyManagerFailure.CIPHERTEXT_REJECTED
    return KeyManagerError(failure, f"key {key.id} has no version {number}")


def _require(key: Key, key_object: KeyObject, usage: KeyUsage) -> None:
    if not key_object.is_aes_256:
        detail = f"{key.id} is of the kind {key_object.key_spec}; an external key is AES_256"
        raise KeyManagerError(KeyManagerFailure.UNSUPPORTED, detail)
    if usage not in usages_of(key_object):
        raise KeyManagerError(KeyManagerFailure.USAGE_NOT_PERMITTED, f"{key.id} may not {usage.value.lower()}")


def _disabled(key: Key) -> KeyManagerError:
    if key.is_disabled:
        detail = f"{key.id} was disabled by hyok"
    elif key.newest is None:
        detail = f"{key.id} has no version that was ever in use"
    else:
        detail = f"the newest version of {key.id} is {_word(key.newest.state)}"
    return KeyManagerError(KeyManagerFailure.KEY_DISABLED, detail)


def _word(state: State) -> str:
    return state.name.lower().replace("_", " ")
