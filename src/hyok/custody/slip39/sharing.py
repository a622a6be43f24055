"""Make shares of a secret, and get it back from enough of them: a threshold of groups, each a threshold of members."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final, NamedTuple

from hyok.custody.slip39.cipher import CipherSetting, decrypt, encrypt
from hyok.custody.slip39.errors import ShareError
from hyok.custody.slip39.field import join_secret, split_secret
from hyok.custody.slip39.share import SMALLEST_SECRET_BYTES, Share
from hyok.secret import Secret

MOST_SHARES: Final = 16
_ITERATION_EXPONENT: Final = 1


class Group(NamedTuple):
    """How many of how many members a group needs."""

    threshold: int
    members: int


def make_shares(
    secret: Secret, groups: Sequence[Group], *, group_threshold: int = 1, passphrase: bytes = b""
) -> list[list[Share]]:
    """Split a secret of 16 bytes or more, an even number, into the shares of each group.

    ShareError if the numbers do not go together: 1 to 16 each, no threshold above its count, and no group of several
    members with threshold 1 (they would have the same share).
    """
    content = secret.reveal()
    if len(content) < SMALLEST_SECRET_BYTES or len(content) % 2:
        raise ShareError(f"a secret of {len(content)} bytes cannot be shared; 16 or more and an even number can")
    if not 1 <= group_threshold <= len(groups) <= MOST_SHARES:
        raise ShareError(
            f"{group_threshold} of {len(groups)} groups cannot be: 1 to {MOST_SHARES}, no more than there are"
        )
    for group in groups:
        if not 1 <= group.threshold <= group.members <= MOST_SHARES:
            raise ShareError(
                f"{group.threshold} of {group.members} shares cannot be: 1 to {MOST_SHARES}, no more than all"
            )
        if group.threshold == 1 and group.members > 1:
            raise ShareError(
                f"1 of {group.members} shares would be {group.members} copies of one; make 1 of 1 and copy it"
            )
    cipher = CipherSetting(secrets.randbits(15), True, _ITERATION_EXPONENT)
    group_secrets = split_secret(encrypt(content, passphrase, cipher), threshold=group_threshold, count=len(groups))
    return [
        [
            Share(cipher, index, group_threshold, len(groups), member, group.threshold, value)
            for member, value in sorted(
                split_secret(group_secrets[index], threshold=group.threshold, count=group.members).items()
            )
        ]
        for index, group in enumerate(groups)
    ]


class ShareCollection:
    """Shares as they are entered, in any order, until there are enough."""

    def __init__(self) -> None:
        self._groups: dict[int, dict[int, Share]] = {}
        self._first: Share | None = None

    def add(self, share: Share) -> None:
        """Take one more. ShareError if it is there already, or of another secret than the others."""
        if self._first is not None and share.common != self._first.common:
            raise ShareError("this share is of another secret than those before")
        members = self._groups.get(share.group_index, {})
        if any(other.member_threshold != share.member_threshold for other in members.values()):
            raise ShareError("this share asks for another number of shares in its group than those before")
        if share.member_index in members:
            raise ShareError("this share is there already")
        self._first = self._first or share
        self._groups[share.group_index] = {**members, share.member_index: share}

    @property
    def is_complete(self) -> bool:
        """Whether there are enough."""
        return self._first is not None and len(self._complete_groups()) >= self._first.group_threshold

    def describe_need(self) -> str:
        """Say how many are there and how many are needed."""
        if self._first is None:
            return "no share yet"
        groups = "; ".join(
            f"{len(members)} of {next(iter(members.values())).member_threshold} in group {index + 1}"
            for index, members in sorted(self._groups.items())
        )
        return f"{groups}; {self._first.group_threshold} of {self._first.group_count} groups are needed"

    def secret(self, passphrase: bytes = b"") -> Secret:
        """Return the secret. ShareError if there are not enough shares, or they do not belong together."""
        complete = self._complete_groups()
        if self._first is None or len(complete) < self._first.group_threshold:
            raise ShareError(f"not enough shares: {self.describe_need()}")
        chosen = sorted(complete)[: self._first.group_threshold]
        points = {index: _join_members(self._groups[index]) for index in chosen}
        encrypted = join_secret(points, threshold=self._first.group_threshold)
        return Secret(decrypt(encrypted, passphrase, self._first.cipher))

    def _complete_groups(self) -> list[int]:
        return [
            index
            for index, members in self._groups.items()
            if len(members) >= next(iter(members.values())).member_threshold
        ]


def _join_members(members: dict[int, Share]) -> bytes:
    threshold = next(iter(members.values())).member_threshold
    chosen = sorted(members)[:threshold]
    return join_secret({index: members[index].value for index in chosen}, threshold=threshold)
