"""The double's Transit secrets engine: keys with versions and real AES-GCM, its order of checks as OpenBao's."""

from __future__ import annotations

import binascii
import os
import time
from base64 import b64encode
from binascii import a2b_base64
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.integration.transit.double_replies import NOTHING, Json, RefusedError, Reply, invalid, reply, unsupported

_IV_BYTES = 12
_PREFIX = "vault:v"
_AES_BYTES = {"aes128-gcm96": 16, "aes256-gcm96": 32}
_RSA_BITS = {"rsa-2048": 2048}


class _Version(NamedTuple):
    cipher: AESGCM | None
    listed: Any
    """What the properties of the key show of it."""


class _Key:
    def __init__(self, name: str, wanted: Json) -> None:
        self.name = name
        self.type: str = wanted.get("type", "aes256-gcm96")
        if self.type not in _AES_BYTES and self.type not in _RSA_BITS:
            raise invalid(f"unknown key type {self.type}")
        self.is_derived = bool(wanted.get("derived"))
        self.is_convergent = bool(wanted.get("convergent_encryption"))
        if self.is_convergent and not self.is_derived:
            raise invalid("convergent encryption requires derivation to be enabled")
        self.versions: dict[int, _Version] = {}
        self.latest = 0
        self.min_decryption = 1
        self.min_encryption = 0
        self.is_deletable = False
        self.is_soft_deleted = False
        self.rotate()

    @property
    def is_aead(self) -> bool:
        return self.type in _AES_BYTES

    def rotate(self) -> None:
        self.latest += 1
        if self.type in _AES_BYTES:
            cipher = AESGCM(os.urandom(_AES_BYTES[self.type]))
            self.versions[self.latest] = _Version(cipher, int(time.time()))
            return
        public = rsa.generate_private_key(65537, _RSA_BITS[self.type]).public_key()
        pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        listed = {
            "certificate_chain": "",
            "creation_time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z"),
            "name": self.type,
            "public_key": pem.decode(),
        }
        self.versions[self.latest] = _Version(None, listed)

    def properties(self) -> Json:
        shown = {
            "allow_plaintext_backup": False,
            "auto_rotate_period": 0,
            "deletion_allowed": self.is_deletable,
            "derived": self.is_derived,
            "exportable": False,
            "imported_key": False,
            "keys": {
                str(number): version.listed
                for number, version in self.versions.items()
                if number >= self.min_decryption
            },
            "latest_version": self.latest,
            "min_available_version": 0,
            "min_decryption_version": self.min_decryption,
            "min_encryption_version": self.min_encryption,
            "name": self.name,
            "soft_deleted": self.is_soft_deleted,
            "supports_decryption": True,
            "supports_derivation": self.is_aead,
            "supports_encryption": True,
            "supports_signing": not self.is_aead,
            "type": self.type,
        }
        if self.is_derived:
            shown |= {"kdf": "hkdf_sha256", "convergent_encryption": self.is_convergent}
        return shown


class _ItemError(Exception):
    """One item of a batch cannot be done."""

    def __init__(self, text: str, *, is_internal: bool = False) -> None:
        super().__init__(text)
        self.is_internal = is_internal


class TransitEngine:
    """One mount of it."""

    def __init__(self) -> None:
        self._keys: dict[str, _Key] = {}
        self._is_upsert_disabled = False

    def creates(self, path: str) -> bool:
        """Tell whether a POST to this path needs the capability to create: to encrypt with a key that is not there."""
        collection, _, name = path.partition("/")
        return collection == "encrypt" and name not in self._keys

    def answer(self, method: str, path: str, query: str, fields: Json) -> Reply:
        """Answer a request that was let in. `path` begins below the mount."""
        match method, path.split("/"):
            case ("GET", ["keys"]) if "list=true" in query:
                return self._list()
            case ("LIST", ["keys"]):
                return self._list()
            case ("GET", ["keys", name]):
                if name not in self._keys:
                    raise RefusedError(404)
                return reply(self._keys[name].properties())
            case ("POST", ["keys", name]):
                return self._create(name, fields)
            case ("DELETE", ["keys", name]):
                return self._delete(name)
            case (_, ["keys", name, action]):
                return self._change(method, name, action, fields)
            case ("POST", ["config", "keys"]):
                self._is_upsert_disabled = bool(fields["disable_upsert"])
                return reply({"disable_upsert": self._is_upsert_disabled})
            case ("POST", ["encrypt", name]):
                return self._encrypt(name, fields)
            case ("POST", ["decrypt", name]):
                return self._decrypt(name, fields)
            case _:
                raise unsupported()

    def _list(self) -> Reply:
        if not self._keys:
            raise RefusedError(404)
        return reply({"keys": sorted(self._keys)})

    def _create(self, name: str, fields: Json) -> Reply:
        if name in self._keys:
            return reply(self._keys[name].properties(), warnings=[f"key {name} already existed"])
        self._keys[name] = _Key(name, fields)
        return reply(self._keys[name].properties())

    def _delete(self, name: str) -> Reply:
        if not self._keys[name].is_deletable:
            raise invalid("error deleting policy " + name + ": deletion is not allowed for this key")
        del self._keys[name]
        return NOTHING

    def _change(self, method: str, name: str, action: str, fields: Json) -> Reply:
        key = self._keys.get(name)
        if key is None:
            raise invalid("no existing key named " + name + " could be found")
        match method, action:
            case ("POST", "rotate"):
                key.rotate()
            case ("POST", "config"):
                key.min_encryption = int(fields.get("min_encryption_version", key.min_encryption))
                key.min_decryption = int(fields.get("min_decryption_version", key.min_decryption))
                key.is_deletable = bool(fields.get("deletion_allowed", key.is_deletable))
            case ("DELETE", "soft-delete"):
                key.is_soft_deleted = True
            case ("POST", "soft-delete-restore"):
                key.is_soft_deleted = False
            case _:
                raise unsupported()
        return reply(key.properties())

    def _encrypt(self, name: str, fields: Json) -> Reply:
        items = _items(fields)
        errors: list[_ItemError | None] = [_check_plaintext(item) for item in items]
        key = self._keys.get(name)
        if key is None:
            if self._is_upsert_disabled:
                raise invalid("encryption key not found")
            key = self._keys[name] = _Key(name, {})
        _refuse_soft_deleted(key)
        results = []
        for index, item in enumerate(items):
            error = errors[index]
            try:
                if error is not None:
                    raise error
                version, ciphertext = _encrypt_item(key, index, item)
                results.append({"ciphertext": ciphertext, "key_version": version, "reference": ""})
            except _ItemError as failed:
                errors[index] = failed
                results.append({"error": str(failed), "reference": ""})
        ignored = ["Endpoint ignored these unrecognized parameters: [nonce]"] if "nonce" in fields else None
        return _reply_items(fields, results, errors, ignored)

    def _decrypt(self, name: str, fields: Json) -> Reply:
        items = _items(fields)
        key = self._keys.get(name)
        if key is None:
            raise invalid("encryption key not found")
        _refuse_soft_deleted(key)
        results = []
        errors: list[_ItemError | None] = [None] * len(items)
        for index, item in enumerate(items):
            try:
                plaintext = b64encode(_decrypt_item(key, index, item)).decode()
                results.append({"plaintext": plaintext, "reference": ""})
            except _ItemError as failed:
                errors[index] = failed
                results.append({"plaintext": "", "error": str(failed), "reference": ""})
        return _reply_items(fields, results, errors, None)


def _items(fields: Json) -> list[Json]:
    if "batch_input" not in fields:
        return [fields]
    items: list[Json] = fields["batch_input"]
    if not items:
        raise invalid("missing batch input to process")
    return items


def _reply_items(
    fields: Json, results: list[Json], errors: list[_ItemError | None], warnings: list[str] | None
) -> Reply:
    if "batch_input" in fields:
        failed = [error for error in errors if error is not None]
        status = 200 if not failed else 400 if any(not error.is_internal for error in failed) else 500
        return reply({"batch_results": results}, warnings=warnings, status=status)
    error = errors[0]
    if error is not None:
        if error.is_internal:
            raise RefusedError(500, f"1 error occurred:\n\t* {error}\n\n")
        raise invalid(str(error))
    del results[0]["reference"]
    return reply(results[0], warnings=warnings)


def _refuse_soft_deleted(key: _Key) -> None:
    if key.is_soft_deleted:
        raise invalid("refusing to use soft-deleted key")


def _check_plaintext(item: Json) -> _ItemError | None:
    try:
        _from_base64(item["plaintext"])
    except _ItemError as error:
        return error
    return None


def _encrypt_item(key: _Key, index: int, item: Json) -> tuple[int, str]:
    _refuse_associated_data(key, index, item)
    number = int(item.get("key_version", 0)) or key.latest
    if number > key.latest:
        raise _ItemError("requested version for encryption is higher than the latest key version")
    if number < key.min_encryption:
        raise _ItemError("requested version for encryption is less than the minimum encryption key version")
    cipher = _cipher(key, number)
    iv = os.urandom(_IV_BYTES)
    sealed = iv + cipher.encrypt(iv, _from_base64(item["plaintext"]), _associated_data(item))
    return number, f"{_PREFIX}{number}:{b64encode(sealed).decode()}"


def _decrypt_item(key: _Key, index: int, item: Json) -> bytes:
    _refuse_associated_data(key, index, item)
    text: str = item["ciphertext"]
    if not text.startswith(_PREFIX):
        raise _ItemError("invalid ciphertext: no prefix")
    number_text, colon, encoded = text[len(_PREFIX) :].partition(":")
    if not colon:
        raise _ItemError("invalid ciphertext: wrong number of fields")
    if not number_text.isdecimal():
        raise _ItemError("invalid ciphertext: version number could not be decoded")
    number = int(number_text) or 1
    if number > key.latest:
        raise _ItemError("invalid ciphertext: version is too new")
    if number < key.min_decryption:
        raise _ItemError("ciphertext or signature version is disallowed by policy (too old)")
    cipher = _cipher(key, number)
    try:
        sealed = a2b_base64(encoded, strict_mode=True)
    except binascii.Error:
        raise _ItemError("invalid ciphertext: could not decode base64") from None
    if len(sealed) < _IV_BYTES:
        raise _ItemError("invalid ciphertext length")
    try:
        return cipher.decrypt(sealed[:_IV_BYTES], sealed[_IV_BYTES:], _associated_data(item))
    except InvalidTag:
        raise _ItemError("cipher: message authentication failed") from None


def _cipher(key: _Key, number: int) -> AESGCM:
    if key.is_derived:
        raise _ItemError(
            "missing 'context' for key derivation; the key was created using a derived key, which means additional, "
            "per-request information must be included in order to perform operations with the key"
        )
    cipher = key.versions[number].cipher
    if cipher is None:
        raise _ItemError("the double has no such cipher")
    return cipher


def _refuse_associated_data(key: _Key, index: int, item: Json) -> None:
    if item.get("associated_data") and not key.is_aead:
        raise _ItemError(f"'[{index}].associated_data' provided for non-AEAD cipher suite {key.type}")


def _associated_data(item: Json) -> bytes | None:
    try:
        return _from_base64(item.get("associated_data", "")) or None
    except _ItemError as error:
        text = f"unable to get associated_data/additional_data from factory[0]: {error}"
        raise _ItemError(text, is_internal=True) from None


def _from_base64(text: str) -> bytes:
    try:
        return a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise _ItemError("illegal base64 data at input byte 0") from None
