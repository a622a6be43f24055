"""The JSON of the HTTP API, both ways; no input or output. `bytes` fields are Base64 on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from msgspec import DecodeError, Struct
from msgspec.json import Decoder, Encoder

from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import Sealed
from hyok.keymanagers.transit.ciphertext import ForeignCiphertextError, split_ciphertext
from hyok.keymanagers.transit.failures import failure_of

T = TypeVar("T")
D = TypeVar("D")
_OK: Final = 200
_NO_CONTENT: Final = 204


class Answer(NamedTuple):
    """What a server answered to the request for `path`."""

    path: str
    status: int
    body: bytes


class EncryptItem(Struct, frozen=True, gc=False):
    """One plaintext of a batch."""

    plaintext: bytes
    associated_data: bytes
    key_version: int

    def __repr__(self) -> str:
        return f"EncryptItem(plaintext of {len(self.plaintext)} bytes)"


class DecryptItem(Struct, frozen=True, gc=False):
    """One ciphertext of a batch."""

    ciphertext: str
    associated_data: bytes


class KeyProperties(Struct, frozen=True, gc=False):
    """What the server tells of a key."""

    name: str
    type: str
    latest_version: int
    keys: Mapping[str, object] = {}
    """The versions that may decrypt, with the Unix seconds of their creation for symmetric keys."""
    derived: bool = False
    convergent_encryption: bool = False
    soft_deleted: bool = False
    supports_encryption: bool = False
    supports_decryption: bool = False


class TokenLease(Struct, frozen=True, gc=False):
    """A token as login and renewal give it."""

    client_token: str
    lease_duration: int
    """Seconds; 0 for one that never expires."""
    renewable: bool

    def __repr__(self) -> str:
        return f"TokenLease(lease_duration={self.lease_duration}, renewable={self.renewable})"


class TokenProperties(Struct, frozen=True, gc=False):
    """A token as it is looked up."""

    ttl: int
    """Whole seconds that are left."""
    expire_time: str | None = None
    """None for one that never expires."""
    renewable: bool = False


class ServerHealth(Struct, frozen=True, gc=False):
    """What a server says of itself."""

    version: str = ""
    initialized: bool = False
    sealed: bool = True


def encode_batch(items: Sequence[EncryptItem] | Sequence[DecryptItem]) -> bytes:
    """Write a request to encrypt or decrypt these."""
    return _encode({"batch_input": items})


def encode_fields(fields: Mapping[str, str | bool]) -> bytes:
    """Write any other request."""
    return _encode(fields)


def decode_encrypted(answer: Answer, items: Sequence[EncryptItem]) -> list[Sealed | KeyManagerError]:
    """Read what became of each item, in their order. KeyManagerError if the request failed as a whole."""
    results = _batch_results(answer, _encrypted, len(items))
    return [_sealed(answer, result, item) for result, item in zip(results, items, strict=True)]


def decode_decrypted(answer: Answer, items: Sequence[DecryptItem]) -> list[bytes | KeyManagerError]:
    """Read what became of each item, in their order. KeyManagerError if the request failed as a whole."""
    results = _batch_results(answer, _decrypted, len(items))
    return [_plaintext(answer, result) for result in results]


def decode_key(answer: Answer) -> KeyProperties:
    """Read a key's properties. KeyManagerError, KEY_NOT_FOUND among others."""
    return _require_data(answer, _decode(answer, _key))


def decode_key_names(answer: Answer) -> tuple[str, ...]:
    """Read the names of all keys; if there is none at all, the server answers 404. KeyManagerError."""
    decoded = _decode(answer, _key_names)
    if answer.status == 404 and not decoded.errors:
        return ()
    return _require_data(answer, decoded).keys


def decode_token(answer: Answer) -> TokenProperties:
    """Read a token's properties. KeyManagerError."""
    return _require_data(answer, _decode(answer, _token))


def decode_login(answer: Answer) -> TokenLease:
    """Read what a login or a renewal gave. KeyManagerError."""
    decoded = _decode(answer, _login)
    if answer.status != _OK or decoded.auth is None:
        raise _failure(answer, decoded.errors)
    return decoded.auth


def decode_health(answer: Answer) -> ServerHealth:
    """Read what a server says of itself, whatever the status. KeyManagerError if that is nothing."""
    return _decode(answer, _health)


def decode_done(answer: Answer) -> tuple[str, ...]:
    """Return the warnings with which a change was made. KeyManagerError if it was not."""
    if answer.status == _NO_CONTENT:
        return ()
    decoded = _decode(answer, _done)
    if answer.status != _OK:
        raise _failure(answer, decoded.errors)
    return decoded.warnings or ()


class _Body(Struct, Generic[T], frozen=True, gc=False):
    """What every answer but that of `sys/health` is wrapped in."""

    data: T | None = None
    auth: TokenLease | None = None
    errors: tuple[str, ...] | None = None
    warnings: tuple[str, ...] | None = None


class _EncryptResult(Struct, frozen=True, gc=False):
    ciphertext: str = ""
    key_version: int = 0
    error: str = ""


class _DecryptResult(Struct, frozen=True, gc=False):
    plaintext: bytes | None = None
    error: str = ""


class _Results(Struct, Generic[T], frozen=True, gc=False):
    batch_results: tuple[T, ...]


class _KeyNames(Struct, frozen=True, gc=False):
    keys: tuple[str, ...]


_encode: Final = Encoder().encode
_encrypted: Final = Decoder(_Body[_Results[_EncryptResult]])
_decrypted: Final = Decoder(_Body[_Results[_DecryptResult]])
_key: Final = Decoder(_Body[KeyProperties])
_key_names: Final = Decoder(_Body[_KeyNames])
_token: Final = Decoder(_Body[TokenProperties])
_login: Final = Decoder(_Body[object])
_done: Final = Decoder(_Body[object])
_health: Final = Decoder(ServerHealth)


def _decode(answer: Answer, decoder: Decoder[D]) -> D:
    try:
        return decoder.decode(answer.body)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        # A load balancer's page, for example. Without the decoder's words, which can quote the answer.
        raise _strange(answer, f"{len(answer.body)} bytes that are no answer of Transit") from error


def _require_data(answer: Answer, decoded: _Body[T]) -> T:
    if answer.status != _OK:
        raise _failure(answer, decoded.errors)
    if decoded.data is None:
        raise _strange(answer, "nothing")
    return decoded.data


def _batch_results(answer: Answer, decoder: Decoder[_Body[_Results[T]]], count: int) -> tuple[T, ...]:
    # With results in it the answer is one, whatever its status: one bad item makes it a 400.
    decoded = _decode(answer, decoder)
    if decoded.data is None:
        raise _failure(answer, decoded.errors)
    results = decoded.data.batch_results
    if len(results) != count:
        raise _strange(answer, f"{len(results)} results for {count} items")
    return results


def _sealed(answer: Answer, result: _EncryptResult, item: EncryptItem) -> Sealed | KeyManagerError:
    if result.error:
        return _failure(answer, (result.error,))
    try:
        return split_ciphertext(result.ciphertext, version=item.key_version, plaintext_bytes=len(item.plaintext))
    except ForeignCiphertextError as error:
        return _strange(answer, str(error))


def _plaintext(answer: Answer, result: _DecryptResult) -> bytes | KeyManagerError:
    if result.error:
        return _failure(answer, (result.error,))
    if result.plaintext is None:
        return _strange(answer, "neither a plaintext nor an error")
    return result.plaintext


def _failure(answer: Answer, texts: Sequence[str] | None) -> KeyManagerError:
    if texts is None:
        return _strange(answer, "neither data nor errors")
    return failure_of(path=answer.path, status=answer.status, texts=texts)


def _strange(answer: Answer, found: str) -> KeyManagerError:
    return KeyManagerError(KeyManagerFailure.UNAVAILABLE, f"{answer.path} answered {answer.status} with {found}")
