"""A certification authority of one's own, for `hyok dev` and `hyok init`: nothing that a public client would trust."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hyok.errors import OperatorError

_AUTHORITY_LIFE = timedelta(days=3650)
_SERVER_LIFE = timedelta(days=397)  # more than this, and Apple's clients refuse it
_RENEWED_BEFORE_END = timedelta(days=30)
_CLOCK_SKEW = timedelta(hours=1)


class DevelopmentCertificates(NamedTuple):
    """Where they are, in PEM."""

    authority: Path
    """The authority's certificate: what clients are told to trust."""
    chain: Path
    """The server's certificate."""
    key: Path
    """The server's private key."""


class _Issuer(NamedTuple):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def ensure_development_certificates(directory: Path, hosts: Sequence[str], *, now: float) -> DevelopmentCertificates:
    """Make an authority and a server's certificate for these host names and IP addresses, where they are not there yet.

    Both are EC P-256, durable before this returns, readable by their owner only. They are made anew when less than 30
    days are left, when the hosts have changed, or when a file is damaged; a new authority also means a new certificate.
    `now` is Unix seconds. Raises OperatorError if the directory cannot be written.
    """
    if not hosts:
        raise ValueError("a server's certificate names at least one host")
    moment = datetime.fromtimestamp(now, UTC)
    paths = DevelopmentCertificates(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        issuer = _ensure_authority(paths.authority, directory / "ca.key", moment)
        if not _serves(paths, issuer, hosts, moment):
            certificate, key = _issue(issuer, hosts, moment)
            _write_durably(paths.key, _key_pem(key))
            _write_durably(paths.chain, certificate.public_bytes(serialization.Encoding.PEM))
    except OSError as error:
        raise OperatorError(f"cannot keep certificates in {directory}: {error.strerror}") from error
    return paths


def _ensure_authority(certificate_path: Path, key_path: Path, moment: datetime) -> _Issuer:
    present = _load(certificate_path, key_path)
    if present is not None and not _is_near_end(present.certificate, moment):
        return present
    made = _make_authority(moment)
    _write_durably(key_path, _key_pem(made.key))
    _write_durably(certificate_path, made.certificate.public_bytes(serialization.Encoding.PEM))
    return made


def _serves(paths: DevelopmentCertificates, issuer: _Issuer, hosts: Sequence[str], moment: datetime) -> bool:
    present = _load(paths.chain, paths.key)
    if present is None or _is_near_end(present.certificate, moment):
        return False
    names = present.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return list(names) == _alternative_names(hosts) and _is_issued_by(present.certificate, issuer)


def _load(certificate_path: Path, key_path: Path) -> _Issuer | None:
    """Return what two files hold; None if one is missing or damaged, or if they do not belong together."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    return _Issuer(certificate, key)


def _is_near_end(certificate: x509.Certificate, moment: datetime) -> bool:
    return certificate.not_valid_after_utc - moment < _RENEWED_BEFORE_END


def _is_issued_by(certificate: x509.Certificate, issuer: _Issuer) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer.certificate)
    except (ValueError, InvalidSignature):
        return False
    return True


def _make_authority(moment: datetime) -> _Issuer:
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    # The serial number in the name keeps a client that trusts an older authority of ours from taking one for the other.
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "hyok"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"hyok development CA {serial:x}"[:64]),
        ]
    )
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), serial)
        .not_valid_before(moment - _CLOCK_SKEW)
        .not_valid_after(moment + _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _Issuer(builder.sign(key, hashes.SHA256()), key)


def _issue(
    issuer: _Issuer, hosts: Sequence[str], moment: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    authority_id = x509.SubjectKeyIdentifier.from_public_key(issuer.key.public_key())
    builder = (
        x509.CertificateBuilder(
            issuer.certificate.subject,
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])]),
            key.public_key(),
            x509.random_serial_number(),
        )
        .not_valid_before(moment - _CLOCK_SKEW)
        .not_valid_after(min(moment + _SERVER_LIFE, issuer.certificate.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_alternative_names(hosts)), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id), critical=False)
    )
    return builder.sign(issuer.key, hashes.SHA256()), key


def _alternative_names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for host in hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return names


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_durably(path: Path, content: bytes) -> None:
    """Put a file in place whole, or not at all."""
    draft = path.with_suffix(path.suffix + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
