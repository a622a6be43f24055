"""The seven hops of one call through KMS, proxy and key manager, made of what the stopwatch noted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hyok.dev.stopwatch import Border, Crossing
from hyok.errors import NotDoneError


class Hop(NamedTuple):
    """One step on the way: where, what crosses, how much of it, and the time until the next step begins."""

    way: str
    what: str
    size_bytes: int
    milliseconds: float


GENERATE_DATA_KEY = (
    "the key's name and the encryption context",
    "a data key is made and sealed under the backing key",
    "KMS's inner ciphertext and AAD, signed, over TLS",
    "the inner ciphertext, AAD with the key version",
    "outer ciphertext, IV and tag, opened once to check",
    "the same, with metadata and integrity value",
    "the plaintext data key and the wrapped data key",
)
DECRYPT = (
    "the wrapped data key and the encryption context",
    "the blob is taken apart, its KMS key is found",
    "the outer ciphertext, IV, tag and AAD, signed, over TLS",
    "the outer ciphertext, AAD with the key version",
    "KMS's inner ciphertext, still sealed",
    "the same",
    "the inner layer is opened: the plaintext data key",
)


def hops_of(
    crossings: Sequence[Crossing], contents: tuple[str, ...], *, started: float, ended: float
) -> tuple[Hop, ...]:
    """Lay the crossings of one call out as seven hops that add up to the whole. NotDoneError if one is missing."""

    def crossing(border: Border, *, is_inward: bool, last: bool = False) -> Crossing:
        found = [one for one in crossings if one.border is border and one.is_inward is is_inward]
        if not found:
            raise NotDoneError(f"the call never crossed the border of the {border.value}")
        return found[-1 if last else 0]

    kms_in = crossing(Border.KMS, is_inward=True)
    outer_in = crossing(Border.OUTER_LAYER, is_inward=True)
    proxy_in = crossing(Border.PROXY, is_inward=True)
    manager_in = crossing(Border.KEY_MANAGER, is_inward=True)
    # With an integrity value the proxy decrypts what it has just encrypted: the manager ends with its last answer.
    manager_out = crossing(Border.KEY_MANAGER, is_inward=False)
    manager_done = crossing(Border.KEY_MANAGER, is_inward=False, last=True)
    proxy_out = crossing(Border.PROXY, is_inward=False)
    outer_out = crossing(Border.OUTER_LAYER, is_inward=False)
    kms_out = crossing(Border.KMS, is_inward=False)
    ways = (
        ("application → KMS", kms_in.size_bytes, started, kms_in.at),
        ("inside KMS", outer_in.size_bytes, kms_in.at, outer_in.at),
        ("KMS → proxy", proxy_in.size_bytes, outer_in.at, proxy_in.at),
        ("proxy → key manager", manager_in.size_bytes, proxy_in.at, manager_in.at),
        ("key manager → proxy", manager_out.size_bytes, manager_in.at, manager_done.at),
        ("proxy → KMS", proxy_out.size_bytes, manager_done.at, outer_out.at),
        ("KMS → application", kms_out.size_bytes, outer_out.at, ended),
    )
    return tuple(
        Hop(way, what, size_bytes, (end - start) * 1000)
        for (way, size_bytes, start, end), what in zip(ways, contents, strict=True)
    )
