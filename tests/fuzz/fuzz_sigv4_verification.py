"""Invariant: no request verifies that was not signed as it is; whatever else arrives is refused by SignatureError."""

from __future__ import annotations

from typing import Final, NamedTuple

from hyok.secret import Secret
from hyok.sigv4.authorization import parse_authorization
from hyok.sigv4.canonical import canonical_path, canonical_query, fold_headers
from hyok.sigv4.errors import SignatureError
from hyok.sigv4.signing import SigningKeys, sign
from hyok.sigv4.verification import verify

NOW: Final = 1_440_938_160.0
SECRET: Final = Secret(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
KEYS: Final = SigningKeys(SECRET)


class Received(NamedTuple):
    """A request read from the fuzzer's bytes."""

    method: bytes
    target: bytes
    host: bytes
    amz_date: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def write(*headers: tuple[bytes, bytes], target: bytes, body: bytes) -> bytes:
    """Sign a request and write it as lines: method, target, headers, nothing, body."""
    added = sign(
        method=b"POST",
        target=target,
        headers=headers,
        body=body,
        access_key_id="AKIAEXAMPLE",
        secret=SECRET,
        region="r",
        service="kms",
        now=NOW,
    )
    lines = (b"POST", target, *(b"%b:%b" % header for header in (*headers, *added)), b"", body)
    return b"\n".join(lines)


def read(data: bytes) -> Received:
    """Read what `write` wrote, or anything else."""
    head, _, body = data.partition(b"\n\n")
    method, target, *lines = [*head.split(b"\n"), b"", b""]
    headers = tuple(
        (name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines if line)
    )
    known = dict(headers)
    return Received(method, target, known.get(b"host", b""), known.get(b"x-amz-date", b""), headers, body)


SEEDS = (
    write((b"host", b"h"), target=b"/tenant/kms/xks/v1/keys/a/encrypt", body=b"{}"),
    write((b"host", b"h"), (b"x-amz-target", b"TrentService.Encrypt"), target=b"/?b=1&a=%20", body=b"{}"),
)
SIGNED: Final = tuple(read(seed) for seed in SEEDS)


def fuzz_one(data: bytes) -> None:
    """Verify the request in the data."""
    request = read(data)
    try:
        terms = parse_authorization(fold_headers(request.headers).get(b"authorization", b""))
        key = KEYS.for_scope(terms.date, terms.region, terms.service)
        verify(request, terms, signing_key=key, service=b"kms", now=NOW)
    except SignatureError:
        return
    assert any(is_the_same(request, signed, terms.signed_headers) for signed in SIGNED)


def is_the_same(request: Received, signed: Received, names: bytes) -> bool:
    """Compare what a signature covers; spelling that the canonical form levels does not count."""
    ours, theirs = ({**fold_headers(one.headers), **picked(one)} for one in (request, signed))
    return (
        (request.method, request.body) == (signed.method, signed.body)
        and canonical_path(request.target.partition(b"?")[0]) == canonical_path(signed.target.partition(b"?")[0])
        and canonical_query(request.target.partition(b"?")[2]) == canonical_query(signed.target.partition(b"?")[2])
        and all(ours.get(name) == theirs.get(name) for name in names.split(b";"))
    )


def picked(request: Received) -> dict[bytes, bytes]:
    """Return the values that stand for their headers."""
    return {b"host": request.host, b"x-amz-date": request.amz_date}
