"""Certificates for tests, from an authority made for the occasion."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import trustme

from hyok.secret import Secret
from hyok.transport.pem import PemSource
from hyok.transport.tls import KeyPair

EXPIRED = datetime.now(UTC) - timedelta(days=1)


def authority_source(authority: trustme.CA) -> PemSource:
    """Return an authority's certificate as a source."""
    return source("ca.pem", [authority.cert_pem])


def key_pair(
    authority: trustme.CA, name: str, *, common_name: str | None = None, not_after: datetime | None = None
) -> KeyPair:
    """Issue a certificate that is valid from now, or for ten days up to `not_after`."""
    not_before = None if not_after is None else not_after - timedelta(days=10)
    issued = authority.issue_cert(name, common_name=common_name, not_before=not_before, not_after=not_after)
    return KeyPair(source("chain.pem", issued.cert_chain_pems), source("key.pem", [issued.private_key_pem]))


def source(name: str, blobs: Iterable[trustme.Blob]) -> PemSource:
    """Give blobs a name."""
    return PemSource(name, Secret(b"".join(blob.bytes() for blob in blobs)))
