"""Asymmetric data keys: made by KMS for use outside of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

_PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class DataKeyPair(NamedTuple):
    """One key pair."""

    private: bytes
    """PKCS #8, DER (RFC 5958)."""
    public: bytes
    """SubjectPublicKeyInfo, DER (RFC 5280)."""


def _rsa(bits: int) -> Callable[[], _PrivateKey]:
    return lambda: rsa.generate_private_key(public_exponent=65537, key_size=bits)


def _ec(curve: ec.EllipticCurve) -> Callable[[], _PrivateKey]:
    return lambda: ec.generate_private_key(curve)


_GENERATORS: Final[Mapping[str, Callable[[], _PrivateKey]]] = {
    "RSA_2048": _rsa(2048),
    "RSA_3072": _rsa(3072),
    "RSA_4096": _rsa(4096),
    "ECC_NIST_P256": _ec(ec.SECP256R1()),
    "ECC_NIST_P384": _ec(ec.SECP384R1()),
    "ECC_NIST_P521": _ec(ec.SECP521R1()),
    "ECC_SECG_P256K1": _ec(ec.SECP256K1()),
    "ECC_NIST_EDWARDS25519": ed25519.Ed25519PrivateKey.generate,
}

KEY_PAIR_SPECS: Final = frozenset(_GENERATORS)
"""What hyok makes of AWS's `KeyPairSpec`."""


def generate_key_pair(spec: str) -> DataKeyPair:
    """Make a key pair of one of `KEY_PAIR_SPECS`. An RSA pair takes up to seconds: keep it off the loop."""
    private = _GENERATORS[spec]()
    return DataKeyPair(
        private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )
