"""Certificates in files, as an operator and a client's program take them."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import trustme


class Files(NamedTuple):
    """A certificate with its issuers, and its private key."""

    certificate: Path
    private_key: Path


def write_pair(directory: Path, name: str, issued: trustme.LeafCert) -> Files:
    """Write what an authority has issued."""
    files = Files(directory / f"{name}.pem", directory / f"{name}.key")
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    files.private_key.write_bytes(issued.private_key_pem.bytes())
    return files


def write_authority(directory: Path, name: str, authority: trustme.CA) -> Path:
    """Write an authority's certificate."""
    path = directory / f"{name}.pem"
    path.write_bytes(authority.cert_pem.bytes())
    return path


def make_self_signed(directory: Path, common_name: str) -> Files:
    """Let OpenSSL make a certificate that nobody else has signed."""
    files = Files(directory / "self-signed.pem", directory / "self-signed.key")
    command: list[str | Path] = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "10", "-subj", f"/CN={common_name}", "-addext", f"subjectAltName=DNS:{common_name}"]
    command += ["-out", files.certificate, "-keyout", files.private_key]
    subprocess.run(command, check=True, capture_output=True)
    return files


def days_from_now(days: float) -> datetime:
    """Return an instant."""
    return datetime.now(UTC) + timedelta(days=days)
