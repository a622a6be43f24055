"""Keys on their way from another key manager: wrapped for the journey, and known by a check value at its end.

Two ways, as PKCS#11 names them and HSMs offer them: CKM_AES_KEY_WRAP_KWP under a shared AES-256 key (RFC 5649), and
CKM_RSA_AES_KEY_WRAP under an RSA key: an AES-256 key of this one journey by RSA-OAEP (SHA-256), then the
key by RFC 5649.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding, aes_key_wrap_with_padding

from hyok.errors import OperatorError
from hyok.secret import Secret

CHECK_VALUE_BYTES: Final = 3
WRAPPING_KEY_BYTES: Final = 32
SMALLEST_RSA_BITS: Final = 2048
MAXIMUM_WRAPPED_BYTES: Final = 4096
_PEM: Final = b"-----BEGIN "
_HEX: Final = re.compile(rb"[0-9A-Fa-f]+")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/\s]+=*\s*")


def unwrap_material(wrapped: bytes, wrapping_key: Secret) -> Secret:
    """Unwrap a key in raw bytes or Base64, under an AES-256 key (32 bytes or 64 hex digits) or an RSA key (PEM).

    OperatorError, which tells sizes only, if it was not wrapped so or altered on the way.
    """
    key = wrapping_key.reveal()
    content = _from_base64(wrapped)
    if key.startswith(_PEM):
        private_key = _read_rsa_key(key)
        size = private_key.key_size // 8
        return _unwrap(_decrypt_journey_key(private_key, content[:size]), content[size:])
    return _unwrap(_read_aes_key(key), content)


def wrap_material(material: Secret, wrapping_key: Secret) -> bytes:
    """Wrap a key under an AES-256 key of 32 bytes (RFC 5649), for `unwrap_material` or another key manager."""
    return aes_key_wrap_with_padding(wrapping_key.reveal(), material.reveal())


def check_value(material: Secret) -> str:
    """Return a key's check value as HSMs show it: the first 3 bytes of a zero block encrypted under it, in hex.

    PKCS#11 3.0, CKA_CHECK_VALUE. It tells one key from another and next to nothing about the key.
    """
    encryptor = Cipher(algorithms.AES(material.reveal()), modes.ECB()).encryptor()  # noqa: S305  # one block, as defined
    return encryptor.update(bytes(16))[:CHECK_VALUE_BYTES].hex()


def _unwrap(key: bytes, wrapped: bytes) -> Secret:
    try:
        return Secret(aes_key_unwrap_with_padding(key, wrapped))
    except (InvalidUnwrap, ValueError) as error:
        raise OperatorError(
            f"the wrapped key ({len(wrapped)} bytes) does not open under the wrapping key as RFC 5649 (AES key wrap "
            "with padding): another wrapping key or another mechanism made it, or it was altered; nothing was imported"
        ) from error


def _decrypt_journey_key(private_key: rsa.RSAPrivateKey, encrypted: bytes) -> bytes:
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    try:
        key = private_key.decrypt(encrypted, oaep)
    except ValueError as error:
        raise OperatorError(
            f"the first {len(encrypted)} bytes of the wrapped key do not open under the RSA key by OAEP with SHA-256; "
            "wrap it by CKM_RSA_AES_KEY_WRAP for this key's public half; nothing was imported"
        ) from error
    if len(key) != WRAPPING_KEY_BYTES:
        raise OperatorError(
            f"the key was wrapped under an AES key of {len(key)} bytes, which is weaker than itself; wrap it under one "
            f"of {WRAPPING_KEY_BYTES}; nothing was imported"
        )
    return key


def _read_rsa_key(pem: bytes) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise OperatorError(
            f"the wrapping key ({len(pem)} bytes of PEM) is not a private key without a password; nothing was imported"
        ) from error
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < SMALLEST_RSA_BITS:
        raise OperatorError(
            f"the wrapping key is not an RSA key of {SMALLEST_RSA_BITS} bits or more; nothing was imported"
        )
    return key


def _read_aes_key(key: bytes) -> bytes:
    if len(key) == WRAPPING_KEY_BYTES:
        return key
    text = key.strip()
    if len(text) == 2 * WRAPPING_KEY_BYTES and _HEX.fullmatch(text):
        return bytes.fromhex(text.decode())
    raise OperatorError(
        f"the wrapping key ({len(key)} bytes) is neither {WRAPPING_KEY_BYTES} bytes, nor {2 * WRAPPING_KEY_BYTES} hex "
        "digits, nor an RSA key in PEM; nothing was imported"
    )


def _from_base64(content: bytes) -> bytes:
    # 40 bytes and more of random that all happen to be Base64's: one in 10^24.
    if not _BASE64.fullmatch(content):
        return content
    try:
        return base64.b64decode(content)
    except binascii.Error:
        return content
