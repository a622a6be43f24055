"""PEM files: reading them, and saying exactly what is wrong with one."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

from hyok.errors import OperatorError
from hyok.secret import Secret


class PemSource(NamedTuple):
    """PEM text and the name by which an operator knows it: a path or a reference."""

    name: str
    content: Secret


class CertificateState(NamedTuple):
    """What is to know about a certificate that was loaded."""

    expires_at: float
    """Unix seconds."""
    warnings: tuple[str, ...]


def read_pem(path: Path) -> PemSource:
    """Read a file. Raises OperatorError if it is missing or unreadable."""
    try:
        return PemSource(str(path), Secret(path.read_bytes()))
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror}") from error


def load_authorities(context: ssl.SSLContext, source: PemSource) -> None:
    """Let a context trust these authorities. Raises OperatorError if there is no certificate among them."""
    certificates = _parse_certificates(source)
    context.load_verify_locations(cadata=b"".join(map(_der, certificates)))


def load_key_pair(context: ssl.SSLContext, certificate_chain: PemSource, private_key: PemSource) -> CertificateState:
    """Check a certificate (the server's first, then its issuers) and private key, and give them to a context.

    Raises OperatorError that names the source at fault.
    """
    state = check_key_pair(certificate_chain, private_key)
    load_checked_key_pair(context, certificate_chain, private_key)
    return state


def check_key_pair(certificate_chain: PemSource, private_key: PemSource) -> CertificateState:
    """Check that a certificate can be read and its private key is sound. Raises OperatorError that names the source.

    An expired certificate is warned of: refusing it would turn a late renewal into an outage at the next restart.
    """
    leaf = _parse_certificates(certificate_chain)[0]
    if _public_der(_parse_key(private_key).public_key()) != _public_der(leaf.public_key()):
        raise OperatorError(
            f"the private key {private_key.name} does not belong to the certificate {certificate_chain.name}"
        )
    return CertificateState(leaf.not_valid_after_utc.timestamp(), _warn_of_dates(leaf, certificate_chain.name))


def load_checked_key_pair(context: ssl.SSLContext, certificate_chain: PemSource, private_key: PemSource) -> None:
    """Give a context what `check_key_pair` has found in order. Raises OperatorError if OpenSSL finds otherwise."""
    with _memory_file(certificate_chain) as chain_path, _memory_file(private_key) as key_path:
        try:
            context.load_cert_chain(chain_path, key_path)
        except ssl.SSLError as error:
            raise OperatorError(f"OpenSSL refuses the certificate {certificate_chain.name}: {error.reason}") from error


def _parse_certificates(source: PemSource) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(source.content.reveal())
    except ValueError as error:
        raise OperatorError(
            f"{source.name} holds no PEM certificate (-----BEGIN CERTIFICATE-----) that can be read"
        ) from error


def _parse_key(source: PemSource) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(source.content.reveal(), password=None)
    except TypeError as error:
        raise OperatorError(f"the private key {source.name} is encrypted; give it without a passphrase") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise OperatorError(
            f"{source.name} holds no PEM private key (-----BEGIN PRIVATE KEY-----) that can be read"
        ) from error


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _public_der(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@contextmanager
def _memory_file(source: PemSource) -> Iterator[str]:
    # OpenSSL loads a key pair from files only. These never touch a disk.
    descriptor = os.memfd_create("hyok-pem")
    try:
        os.write(descriptor, source.content.reveal())
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _warn_of_dates(certificate: x509.Certificate, name: str) -> tuple[str, ...]:
    now = time.time()
    if certificate.not_valid_after_utc.timestamp() <= now:
        return (f"the certificate {name} expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",)
    if certificate.not_valid_before_utc.timestamp() > now:
        return (f"the certificate {name} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",)
    return ()
