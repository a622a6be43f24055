"""Find a token by what its operator calls it; slot numbers change with each restart of many libraries."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from hyok.keymanagers.pkcs11.constants import CKF_TOKEN_INITIALIZED
from hyok.keymanagers.pkcs11.errors import TokenMissingError, TokenRefusedError
from hyok.keymanagers.pkcs11.library import CryptokiError, Library, TokenInfo


class TokenNameKind(Enum):
    """What names the token. The values are the configuration's words."""

    LABEL = "label"
    SERIAL = "serial"
    SLOT = "slot"


class TokenName(NamedTuple):
    """The name of a token."""

    kind: TokenNameKind
    value: str

    def __str__(self) -> str:
        return f"{self.kind.value} {self.value!r}"


class FoundToken(NamedTuple):
    """A token and the slot it is in."""

    slot: int
    info: TokenInfo


def find_token(library: Library, name: TokenName) -> FoundToken:
    """Find the token. TokenMissingError names those that are there; TokenRefusedError if several are called so."""
    tokens = tuple(_list_tokens(library))
    found = [token for token in tokens if _is_called(token, name)]
    if len(found) > 1:
        raise TokenRefusedError(
            f"{library.path} has {len(found)} tokens with {name}, in the slots "
            f"{', '.join(str(token.slot) for token in found)}; name the token by its serial"
        )
    if found:
        return found[0]
    there = ", ".join(
        f"label {token.info.label!r} serial {token.info.serial!r} in slot {token.slot}" for token in tokens
    )
    raise TokenMissingError(
        f"{library.path} has no token with {name}; it has {there or 'no initialised token at all'}",
        others_are_there=bool(tokens),
    )


def _list_tokens(library: Library) -> Iterator[FoundToken]:
    for slot in library.list_slots():
        try:
            info = library.token_info(slot)
        except CryptokiError:
            continue  # one that is just leaving, or broken: not the one that is looked for
        if info.flags & CKF_TOKEN_INITIALIZED:
            yield FoundToken(slot, info)


def _is_called(token: FoundToken, name: TokenName) -> bool:
    match name.kind:
        case TokenNameKind.LABEL:
            return token.info.label == name.value
        case TokenNameKind.SERIAL:
            return token.info.serial == name.value
        case TokenNameKind.SLOT:
            return str(token.slot) == name.value
