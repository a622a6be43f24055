"""The keys on a token as a key manager sees them: objects of one label are the versions of one key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyDescription, KeyUsage, KeyVersion
from hyok.keymanagers.pkcs11.constants import CKK_AES, CKK_DES3, CKO_SECRET_KEY, AttributeType
from hyok.keymanagers.pkcs11.key_names import KeyName, VersionMark, decode_version_mark, id_form
from hyok.keymanagers.pkcs11.library import Library, decode_ulong, encode_bool, encode_ulong

MAX_OBJECTS: Final = 100_000
_ATTRIBUTES: Final = (
    AttributeType.CKA_LABEL,
    AttributeType.CKA_ID,
    AttributeType.CKA_KEY_TYPE,
    AttributeType.CKA_VALUE_LEN,
    AttributeType.CKA_ENCRYPT,
    AttributeType.CKA_DECRYPT,
)
_ALL_USAGES: Final = frozenset(KeyUsage)


class KeyObject(NamedTuple):
    """A secret key on the token."""

    handle: int
    label: str
    id: bytes
    key_spec: str
    allowed: frozenset[KeyUsage]
    """What the token lets it be used for now."""

    @property
    def mark(self) -> VersionMark | None:
        """What hyok wrote when it made the key; None if somebody else made it."""
        return decode_version_mark(self.id)

    @property
    def number(self) -> int:
        """Which version of its key it is."""
        mark = self.mark
        return mark.number if mark is not None else 1

    @property
    def usages(self) -> frozenset[KeyUsage]:
        """What it is for, also while it is disabled. Of a key made by others then nothing is known but the usual."""
        mark = self.mark
        return self.allowed or (mark.usages if mark is not None else _ALL_USAGES)


class TokenKey(NamedTuple):
    """A key and its versions, as they were when it was looked up."""

    description: KeyDescription
    active: KeyVersion
    """Number 0 if no version can be told from another."""
    handles: Mapping[int, int]
    """Of the versions that are told apart, by number."""
    ambiguous: frozenset[int]
    """Numbers that several objects claim."""
    found_at: float
    """`time.monotonic` seconds."""

    def handle_of(self, version: KeyVersion, usage: KeyUsage) -> int:
        """Return the handle to use. KeyManagerError if the key may not be used so, or has no such version."""
        self.require(usage)
        handle = self.handles.get(version.number)
        if handle is None:
            raise self._lack(version, usage)
        return handle

    def require(self, usage: KeyUsage) -> None:
        """KeyManagerError unless the key is enabled, an AES-256 key, and for this use."""
        key_id, description = self.active.key_id, self.description
        if not description.is_enabled:
            raise KeyManagerError(KeyManagerFailure.KEY_DISABLED, key_id)
        if description.key_spec != "AES_256":
            raise KeyManagerError(KeyManagerFailure.UNSUPPORTED, f"{key_id} is of the kind {description.key_spec}")
        if usage not in description.usages:
            raise KeyManagerError(KeyManagerFailure.USAGE_NOT_PERMITTED, f"{key_id} is not for {usage.value}")
        if not self.active.number:
            raise self._lack(self.active, usage)

    def _lack(self, version: KeyVersion, usage: KeyUsage) -> KeyManagerError:
        if version.number in self.ambiguous or not self.active.number:
            return KeyManagerError(
                KeyManagerFailure.UNAVAILABLE,
                f"several keys on the token are version {version.number or 1} of {version.key_id!r}; give all but one "
                "another label, or name the key as id:CKA_ID",
            )
        # Versions are numbered without gaps: a lower one that is not there was destroyed, and the ciphertext may be
        # fine. A higher one was never made.
        if usage is KeyUsage.ENCRYPT or version.number < self.active.number:
            return KeyManagerError(
                KeyManagerFailure.UNAVAILABLE, f"version {version.number} of {version.key_id!r} is not on the token"
            )
        return KeyManagerError(
            KeyManagerFailure.CIPHERTEXT_REJECTED, f"{version.key_id!r} never had a version {version.number}"
        )


def find_key_objects(library: Library, session: int, name: KeyName | None) -> tuple[KeyObject, ...]:
    """Return the secret keys of that name, or all, that are stored on the token. CryptokiError."""
    template: dict[int, bytes] = {
        AttributeType.CKA_CLASS: encode_ulong(CKO_SECRET_KEY),
        AttributeType.CKA_TOKEN: encode_bool(True),
    }
    if name is not None and name.label:
        template[AttributeType.CKA_LABEL] = name.label.encode()
    elif name is not None:
        template[AttributeType.CKA_ID] = name.id
    handles = library.find_objects(session, template, at_most=MAX_OBJECTS)
    return tuple(_read(library, session, handle) for handle in handles)


def assemble_key(key_id: str, name: KeyName, objects: Sequence[KeyObject], *, found_at: float) -> TokenKey:
    """Make one key of the objects of one name, of which there is at least one."""
    # Named by its CKA_ID a key is just that object: it has one version, whatever the id says.
    numbers = [each.number if name.label else 1 for each in objects]
    claims = Counter(numbers)
    by_number = {number: each for number, each in zip(numbers, objects, strict=True) if claims[number] == 1}
    active_number = max(by_number, default=0)
    active = by_number.get(active_number, objects[0])
    return TokenKey(
        description=KeyDescription(active.key_spec, active.usages, is_enabled=bool(active.allowed)),
        active=KeyVersion(key_id, active_number),
        handles={number: each.handle for number, each in by_number.items()},
        ambiguous=frozenset(number for number, count in claims.items() if count > 1),
        found_at=found_at,
    )


def key_id_of(key: KeyObject) -> str:
    """Return the key id that leads to this object."""
    return key.label or id_form(key.id)


def _read(library: Library, session: int, handle: int) -> KeyObject:
    label, key_id, key_type, size, encrypts, decrypts = library.attribute_values(session, handle, _ATTRIBUTES)
    allowed = {KeyUsage.ENCRYPT: encrypts, KeyUsage.DECRYPT: decrypts}
    return KeyObject(
        handle=handle,
        label=(label or b"").decode("utf-8", "replace"),
        id=key_id or b"",
        key_spec=_key_spec(decode_ulong(key_type), decode_ulong(size)),
        allowed=frozenset(usage for usage, flag in allowed.items() if flag is not None and any(flag)),
    )


def _key_spec(key_type: int | None, size: int | None) -> str:
    if key_type == CKK_AES:
        return f"AES_{size * 8}" if size is not None else "AES"
    return "DES3" if key_type == CKK_DES3 else f"CKK_{key_type}"
