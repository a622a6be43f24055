"""Make and change keys on a token. Each call opens the token and closes it again.

A rotation makes another key of the same label, which says in its CKA_ID that it is the next version. Disabling takes
CKA_ENCRYPT and CKA_DECRYPT away from every version, so that the token itself refuses; what the key was for stands in
the CKA_ID too, and comes back when it is enabled.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from hyok.clock import Clock
from hyok.errors import NotDoneError
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyUsage, ManagedKey
from hyok.keymanagers.pkcs11.apart import apart
from hyok.keymanagers.pkcs11.constants import (
    AES_256_BYTES,
    CKK_AES,
    CKM_AES_KEY_GEN,
    CKO_SECRET_KEY,
    AttributeType,
)
from hyok.keymanagers.pkcs11.errors import TokenMissingError, TokenRefusedError
from hyok.keymanagers.pkcs11.key_names import (
    MAX_VERSION,
    KeyName,
    VersionMark,
    encode_version_mark,
    parse_key_id,
)
from hyok.keymanagers.pkcs11.keys import KeyObject, TokenKey, assemble_key, find_key_objects, key_id_of
from hyok.keymanagers.pkcs11.library import CryptokiError, Library, encode_bool, encode_ulong
from hyok.keymanagers.pkcs11.opening import open_token
from hyok.keymanagers.pkcs11.setup import Pkcs11Setup

_BOTH: Final = frozenset(KeyUsage)


class _Found(NamedTuple):
    """A key and the objects that are its versions."""

    name: KeyName
    objects: Sequence[KeyObject]
    key: TokenKey


class Pkcs11KeyAdministrator:
    """A `KeyAdministrator` on one token."""

    def __init__(self, setup: Callable[[], Pkcs11Setup], clock: Clock) -> None:
        """`setup` is called when there is something to do: a command seldom concerns every key manager."""
        self._setup = setup
        self._clock = clock

    @apart
    def create_key(self, key_id: str, usages: frozenset[KeyUsage]) -> ManagedKey:
        """Create an AES-256 key that cannot leave the token. NotDoneError if the id is taken or no label."""
        name = _parse(key_id)
        if not name.label:
            raise NotDoneError(f"{key_id!r} names a key by its CKA_ID; a new key gets a label, so leave `id:` away")
        if not usages:
            raise NotDoneError(f"key {key_id} would be of no use; name at least one of ENCRYPT and DECRYPT")
        with self._opened() as (library, session):
            if find_key_objects(library, session, name):
                raise NotDoneError(
                    f"the token has a key {key_id!r} already; choose another id, or rotate it to get new material"
                )
            self._generate(library, session, name, number=1, usages=usages, allowed=usages)
            return _describe(_get(library, session, key_id))

    @apart
    def rotate_key(self, key_id: str) -> ManagedKey:
        """Add a version under the same label, which encrypts from now on; older ones decrypt on."""
        with self._opened() as (library, session):
            found = _get(library, session, key_id)
            if not found.name.label:
                raise NotDoneError(f"{key_id} is one object and stays it; to rotate a key, name it by its label")
            _require_unambiguous(found)
            number = found.key.active.number + 1
            if number > MAX_VERSION:
                raise NotDoneError(f"key {key_id} has used up its version numbers; create another key")
            active = _active(found)
            self._generate(library, session, found.name, number=number, usages=active.usages, allowed=active.allowed)
            return _describe(_get(library, session, key_id))

    @apart
    def enable_key(self, key_id: str) -> ManagedKey:
        """Give every version its usages back; nothing changes if it has them."""
        with self._opened() as (library, session):
            for each in _get(library, session, key_id).objects:
                if not each.allowed:
                    _allow(library, session, each, each.usages)
            found = _get(library, session, key_id)
            if not all(each.allowed for each in found.objects):
                raise NotDoneError(
                    f"the token still refuses a version of key {key_id}; look at it with the maker's tool"
                )
            return _describe(found)

    @apart
    def disable_key(self, key_id: str) -> ManagedKey:
        """Have the token refuse every version; nothing changes if it does already."""
        with self._opened() as (library, session):
            objects = _get(library, session, key_id).objects
            for each in objects:
                if each.mark is None and each.allowed and each.allowed != _BOTH:
                    raise NotDoneError(
                        f"key {key_id} was not made by hyok and is for one use only, which could not be restored "
                        "later; disable it with the maker's tool"
                    )
            for each in objects:
                if each.allowed:
                    _allow(library, session, each, frozenset())
            found = _get(library, session, key_id)
            if any(each.allowed for each in found.objects):
                raise NotDoneError(
                    f"the token still allows key {key_id}, although it took the change; take the key out of its key "
                    "stores instead"
                )
            return _describe(found)

    @apart
    def show_key(self, key_id: str) -> ManagedKey:
        """Return one key. NotDoneError if there is none of that id."""
        with self._opened() as (library, session):
            return _describe(_get(library, session, key_id))

    @apart
    def list_keys(self) -> tuple[ManagedKey, ...]:
        """Return all AES-256 keys, also those made by others, sorted by id."""
        by_id: dict[str, list[KeyObject]] = {}
        with self._opened() as (library, session):
            for each in find_key_objects(library, session, None):
                if each.key_spec == "AES_256" and (each.label or each.id):
                    by_id.setdefault(key_id_of(each), []).append(each)
        return tuple(_describe(_found(key_id, objects)) for key_id, objects in sorted(by_id.items()))

    @apart
    def find_faults(self) -> tuple[str, ...]:
        """Open the token as a proxy would; what does not work, in sentences. OperatorError if there is no library."""
        try:
            with self._opened():
                return ()
        except KeyManagerError as error:
            return (error.detail,)

    @contextmanager
    def _opened(self) -> Iterator[tuple[Library, int]]:
        setup = self._setup()
        module = setup.module
        module.acquire()
        try:
            generation = module.enter()
            try:
                library = module.library
                token = open_token(library, setup.access, generation=generation, read_write=True)
                try:
                    yield library, token.keeper
                finally:
                    with contextlib.suppress(CryptokiError):
                        library.close_session(token.keeper)
            finally:
                module.leave()
        except (CryptokiError, TokenMissingError, TokenRefusedError) as error:
            raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, str(error)) from error
        finally:
            module.release()

    def _generate(
        self,
        library: Library,
        session: int,
        name: KeyName,
        *,
        number: int,
        usages: frozenset[KeyUsage],
        allowed: frozenset[KeyUsage],
    ) -> None:
        mark = VersionMark(number, usages, int(self._clock.now()))
        template: dict[int, bytes] = {
            AttributeType.CKA_CLASS: encode_ulong(CKO_SECRET_KEY),
            AttributeType.CKA_KEY_TYPE: encode_ulong(CKK_AES),
            AttributeType.CKA_TOKEN: encode_bool(True),
            AttributeType.CKA_PRIVATE: encode_bool(True),
            AttributeType.CKA_SENSITIVE: encode_bool(True),
            AttributeType.CKA_EXTRACTABLE: encode_bool(False),
            AttributeType.CKA_LABEL: name.label.encode(),
            AttributeType.CKA_ID: encode_version_mark(mark),
            AttributeType.CKA_VALUE_LEN: encode_ulong(AES_256_BYTES),
            AttributeType.CKA_WRAP: encode_bool(False),
            AttributeType.CKA_UNWRAP: encode_bool(False),
            AttributeType.CKA_SIGN: encode_bool(False),
            AttributeType.CKA_VERIFY: encode_bool(False),
            **_flags(allowed),
        }
        library.generate_key(session, CKM_AES_KEY_GEN, template)
        # A token has no transactions: somebody else may have done the same meanwhile.
        objects = find_key_objects(library, session, name)
        if sum(each.number == number for each in objects) != 1:
            raise NotDoneError(
                f"two keys are version {number} of {name.label!r} now, made at the same time by two commands; neither "
                "encrypts. Give one of them another label with the maker's tool"
            )


def _parse(key_id: str) -> KeyName:
    try:
        return parse_key_id(key_id)
    except ValueError as error:
        raise NotDoneError(str(error)) from error


def _get(library: Library, session: int, key_id: str) -> _Found:
    objects = find_key_objects(library, session, _parse(key_id))
    if not objects:
        raise NotDoneError(f"the token has no key {key_id!r}; see its keys, or create it")
    return _found(key_id, objects)


def _found(key_id: str, objects: Sequence[KeyObject]) -> _Found:
    name = _parse(key_id)
    return _Found(name, objects, assemble_key(key_id, name, objects, found_at=0.0))


def _active(found: _Found) -> KeyObject:
    handle = found.key.handles.get(found.key.active.number)
    return next((each for each in found.objects if each.handle == handle), found.objects[0])


def _require_unambiguous(found: _Found) -> None:
    if found.key.ambiguous:
        raise NotDoneError(
            f"several keys on the token are version {min(found.key.ambiguous)} of {found.key.active.key_id!r}; give "
            "all but one another label first"
        )


def _allow(library: Library, session: int, key: KeyObject, usages: frozenset[KeyUsage]) -> None:
    try:
        library.set_attribute_values(session, key.handle, _flags(usages))
    except CryptokiError as error:
        raise NotDoneError(
            f"the token does not let {key_id_of(key)!r} be enabled or disabled ({error}); do it with the maker's tool, "
            "or take the key out of its key stores"
        ) from error


def _flags(usages: frozenset[KeyUsage]) -> Mapping[int, bytes]:
    return {
        AttributeType.CKA_ENCRYPT: encode_bool(KeyUsage.ENCRYPT in usages),
        AttributeType.CKA_DECRYPT: encode_bool(KeyUsage.DECRYPT in usages),
    }


def _describe(found: _Found) -> ManagedKey:
    marks = [each.mark for each in found.objects]
    return ManagedKey(
        key_id=found.key.active.key_id,
        usages=found.key.description.usages,
        is_enabled=found.key.description.is_enabled,
        active_version=found.key.active.number,
        version_count=len(found.objects),
        created_at=float(min(0 if mark is None else mark.created_at for mark in marks)),
    )
