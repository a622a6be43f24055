from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap, aes_key_wrap_with_padding

from hyok.custody.key_transport import check_value, unwrap_material
from hyok.errors import OperatorError
from hyok.secret import Secret

MATERIAL = bytes(range(100, 132))
WRAPPING_KEY = bytes(range(32))


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem_of(key: rsa.RSAPrivateKey) -> Secret:
    return Secret(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def wrap_for(key: rsa.RSAPrivateKey, *, journey_key: bytes) -> bytes:
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    return key.public_key().encrypt(journey_key, oaep) + aes_key_wrap_with_padding(journey_key, MATERIAL)


def test_what_openssl_wrapped_unwraps(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(MATERIAL)
    command = ["openssl", "enc", "-id-aes256-wrap-pad", "-K", WRAPPING_KEY.hex(), "-iv", "A65959A6", "-nosalt"]
    wrapped = subprocess.run([*command, "-in", tmp_path / "key"], check=True, capture_output=True).stdout
    assert unwrap_material(wrapped, Secret(WRAPPING_KEY)) == Secret(MATERIAL)


@pytest.mark.parametrize(
    "key", [WRAPPING_KEY, WRAPPING_KEY.hex().encode(), WRAPPING_KEY.hex().upper().encode() + b"\n"]
)
def test_the_wrapping_key_is_bytes_or_hex_and_the_wrapped_one_bytes_or_base64(key: bytes) -> None:
    wrapped = aes_key_wrap_with_padding(WRAPPING_KEY, MATERIAL)
    assert unwrap_material(wrapped, Secret(key)) == Secret(MATERIAL)
    assert unwrap_material(base64.encodebytes(wrapped), Secret(key)) == Secret(MATERIAL)


def test_a_key_wrapped_for_an_rsa_key_unwraps(rsa_key: rsa.RSAPrivateKey) -> None:
    wrapped = wrap_for(rsa_key, journey_key=WRAPPING_KEY)
    assert unwrap_material(wrapped, pem_of(rsa_key)) == Secret(MATERIAL)


def test_a_journey_key_weaker_than_the_key_is_refused(rsa_key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(OperatorError, match=r"wrapped under an AES key of 16 bytes, which is weaker"):
        unwrap_material(wrap_for(rsa_key, journey_key=bytes(16)), pem_of(rsa_key))


@pytest.mark.parametrize("position", [0, 20, 39])
def test_an_altered_key_does_not_unwrap(position: int) -> None:
    wrapped = bytearray(aes_key_wrap_with_padding(WRAPPING_KEY, MATERIAL))
    wrapped[position] ^= 1
    with pytest.raises(OperatorError, match=r"the wrapped key \(40 bytes\) does not open"):
        unwrap_material(bytes(wrapped), Secret(WRAPPING_KEY))


def test_the_older_wrapping_without_padding_is_told_apart() -> None:
    with pytest.raises(OperatorError, match="does not open under the wrapping key as RFC 5649"):
        unwrap_material(aes_key_wrap(WRAPPING_KEY, MATERIAL), Secret(WRAPPING_KEY))


@pytest.mark.parametrize("key", [b"", bytes(16), bytes(31), b"-----BEGIN RSA PRIVATE KEY-----\n", b"x" * 64])
def test_what_is_no_wrapping_key_is_described_by_its_size_only(key: bytes) -> None:
    with pytest.raises(OperatorError, match=rf"the wrapping key \({len(key)} bytes.*nothing was imported"):
        unwrap_material(bytes(40), Secret(key))


def test_another_rsa_key_does_not_open_it(rsa_key: rsa.RSAPrivateKey) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    # OpenSSL may answer a wrong key with random bytes instead of an error (implicit rejection): either is refused.
    with pytest.raises(OperatorError, match="nothing was imported"):
        unwrap_material(wrap_for(other, journey_key=WRAPPING_KEY), pem_of(rsa_key))


def test_the_check_value_is_the_one_that_hsms_show() -> None:
    # FIPS-197 and NIST's AES known answers: AES-256 of a zero block under the zero key.
    assert check_value(Secret(bytes(32))) == "dc95c0"
