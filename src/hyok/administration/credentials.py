"""The SigV4 credentials of a key store: two or more active at once, so that they rotate without interruption."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, replace
from typing import Final

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from hyok.administration.keystores import get_key_store
from hyok.clock import Clock
from hyok.custody.credentials import CredentialPlace, open_credential, seal_credential
from hyok.custody.records import Recorder
from hyok.custody.safe import Safe
from hyok.errors import NotDoneError
from hyok.secret import Secret
from hyok.storage.changes import ChangeKind, record_change
from hyok.storage.engine import Storage
from hyok.storage.schema import credentials

MAXIMUM_ACTIVE: Final = 20
"""Active credentials of one key store."""

_ID_CHARACTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
_SECRET_CHARACTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
_GENERATED_ID_PREFIX: Final = "HYOK"
_GENERATED_ID_BYTES: Final = 15  # 24 characters of Base32
_GENERATED_SECRET_BYTES: Final = 36  # 48 characters of Base64, 288 bits


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential without its secret."""

    access_key_id: str
    key_store: str
    created_at: float
    """Unix seconds."""
    retired_at: float | None
    """Unix seconds; None while it is active."""
    last_used_at: float | None = None
    """Unix seconds, a few seconds late; None if it was never used."""
    use_count: int = 0
    """How many requests it has signed, a few seconds late."""


@dataclass(frozen=True, slots=True)
class CredentialPair:
    """What AWS KMS signs with (XKS API, Authentication)."""

    access_key_id: str
    """20 to 30 characters of `A-Z 2-7`."""
    secret_access_key: Secret
    """43 to 64 characters of `A-Z a-z 0-9 + / =`, at least 256 bits of entropy."""


def create_credential(
    storage: Storage, safe: Safe, clock: Clock, *, key_store: str, given: CredentialPair | None = None
) -> CredentialPair:
    """Create an active credential, generated unless `given` (as from a proxy that hyok succeeds).

    The secret is returned here and never listed. NotDoneError if the id is taken, the given values cannot be used, or
    the key store has 20 active ones.
    """
    pair = _generate() if given is None else given
    check_pair(pair)
    now = clock.now()
    place = CredentialPlace(key_store, pair.access_key_id, is_active=True)
    with storage.transaction() as connection:
        get_key_store(connection, key_store)
        _check_room(connection, key_store)
        if _find(connection, pair.access_key_id) is not None:
            raise NotDoneError(f"credential {pair.access_key_id} exists already; an access key id is used once")
        connection.execute(
            insert(credentials),
            {
                "access_key_id": pair.access_key_id,
                "key_store": key_store,
                "sealed_secret": seal_credential(safe, pair.secret_access_key, place),
                "created_at": now,
                "retired_at": None,
            },
        )
        _record(connection, key_store, pair.access_key_id, "create", at=now)
    return pair


def list_credentials(storage: Storage, key_store: str) -> tuple[Credential, ...]:
    """Return a key store's credentials, active and retired, oldest first, never a secret."""
    with storage.reading() as connection:
        get_key_store(connection, key_store)
        rows = connection.execute(
            select(credentials)
            .where(credentials.c.key_store == key_store)
            .order_by(credentials.c.created_at, credentials.c.access_key_id)
        )
        return tuple(_read(row) for row in rows)


def retire_credential(storage: Storage, safe: Safe, clock: Clock, access_key_id: str) -> Credential:
    """Refuse what is signed with it from now on, for good; it stays listed, and retiring it again changes nothing."""
    now = clock.now()
    with storage.transaction() as connection:
        credential = _get(connection, access_key_id)
        if credential.retired_at is not None:
            return credential
        secret = _open(connection, safe, credential)
        resealed = seal_credential(safe, secret, CredentialPlace(credential.key_store, access_key_id, is_active=False))
        connection.execute(
            update(credentials)
            .where(credentials.c.access_key_id == access_key_id)
            .values(retired_at=now, sealed_secret=resealed)
        )
        _record(connection, credential.key_store, access_key_id, "retire", at=now)
    return replace(credential, retired_at=now)


def delete_credential(storage: Storage, clock: Clock, access_key_id: str) -> None:
    """Delete a credential, active or retired. NotDoneError if there is none of that id."""
    with storage.transaction() as connection:
        credential = _get(connection, access_key_id)
        connection.execute(delete(credentials).where(credentials.c.access_key_id == access_key_id))
        _record(connection, credential.key_store, access_key_id, "delete", at=clock.now())


def reveal_credential(
    storage: Storage, safe: Safe, recorder: Recorder, *, key_store: str, access_key_id: str | None = None
) -> CredentialPair:
    """Return an active credential with its secret, for the console file: the one named, else the newest.

    That leaves a record, though nothing is changed: who has the secret can have every key of the key store used.
    NotDoneError if the key store has no such active one.
    """
    candidates = [
        credential
        for credential in list_credentials(storage, key_store)
        if credential.retired_at is None and access_key_id in (None, credential.access_key_id)
    ]
    if not candidates:
        raise NotDoneError(
            f"key store {key_store} has no active credential{'' if access_key_id is None else ' ' + access_key_id}; "
            "create one"
        )
    newest = candidates[-1]
    with storage.transaction() as connection:
        details = {"access_key_id": newest.access_key_id}
        recorder.note(connection, ChangeKind.CREDENTIAL.value, key_store, "reveal secret of", details)
        return CredentialPair(newest.access_key_id, _open(connection, safe, newest))


def write_console_file(uri_path: str, pair: CredentialPair) -> bytes:
    """Encode the JSON file that the AWS KMS console takes (XKS API, Configuration file). It holds the secret."""
    file = _ConsoleFile(
        uri_path, _ConsoleCredential(pair.access_key_id, pair.secret_access_key.reveal().decode("ascii"))
    )
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


class _ConsoleCredential(msgspec.Struct, frozen=True, rename="pascal"):
    access_key_id: str
    raw_secret_access_key: str


class _ConsoleFile(msgspec.Struct, frozen=True, rename="pascal"):
    xks_proxy_uri_path: str
    xks_proxy_authentication_credential: _ConsoleCredential


def _record(connection: Connection, key_store: str, access_key_id: str, act: str, *, at: float) -> None:
    details = {"access_key_id": access_key_id}
    record_change(connection, ChangeKind.CREDENTIAL, key_store, at=at, act=act, details=details)


def _generate() -> CredentialPair:
    access_key_id = _GENERATED_ID_PREFIX + base64.b32encode(secrets.token_bytes(_GENERATED_ID_BYTES)).decode()
    return CredentialPair(access_key_id, Secret(base64.b64encode(secrets.token_bytes(_GENERATED_SECRET_BYTES))))


def check_pair(pair: CredentialPair) -> None:
    """NotDoneError if these values cannot be a credential (XKS API, Authentication)."""
    access_key_id = pair.access_key_id
    if not (20 <= len(access_key_id) <= 30 and _ID_CHARACTERS.issuperset(access_key_id)):
        raise NotDoneError(
            f"an access key id is 20 to 30 characters of A-Z 2-7; the one given has {len(access_key_id)} characters"
        )
    secret = pair.secret_access_key.reveal()
    if not (43 <= len(secret) <= 64 and _SECRET_CHARACTERS.issuperset(secret.decode("latin-1"))):
        raise NotDoneError(
            "a secret access key is 43 to 64 characters of A-Z a-z 0-9 + / =; the one given has "
            f"{len(secret)} characters, or others"
        )


def _check_room(connection: Connection, key_store: str) -> None:
    active = connection.scalar(
        select(func.count()).where(credentials.c.key_store == key_store, credentials.c.retired_at.is_(None))
    )
    if (active or 0) >= MAXIMUM_ACTIVE:
        raise NotDoneError(
            f"key store {key_store} has {active} active credentials and takes no more; retire or delete one first"
        )


def _find(connection: Connection, access_key_id: str) -> Credential | None:
    row = connection.execute(select(credentials).where(credentials.c.access_key_id == access_key_id)).one_or_none()
    return None if row is None else _read(row)


def _get(connection: Connection, access_key_id: str) -> Credential:
    credential = _find(connection, access_key_id)
    if credential is None:
        raise NotDoneError(f"there is no credential {access_key_id!r}; list the key store's credentials to see them")
    return credential


def _open(connection: Connection, safe: Safe, credential: Credential) -> Secret:
    sealed = connection.scalar(
        select(credentials.c.sealed_secret).where(credentials.c.access_key_id == credential.access_key_id)
    )
    place = CredentialPlace(credential.key_store, credential.access_key_id, is_active=credential.retired_at is None)
    return open_credential(safe, sealed or b"", place)


def _read(row: Row[tuple[object, ...]]) -> Credential:
    return Credential(row.access_key_id, row.key_store, row.created_at, row.retired_at, row.last_used_at, row.use_count)
