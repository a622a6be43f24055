"""One share as a mnemonic: words of 10 bits each (SLIP-0039, Format of the share mnemonic).

Identifier 15 bits, extendable 1, iteration exponent 4, group index 4, group threshold - 1 4, group count - 1 4, member
index 4, member threshold - 1 4, the share's value padded on the left to whole words, and a checksum of 30 bits.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

from hyok.custody.slip39.cipher import CipherSetting
from hyok.custody.slip39.errors import ShareError

WORD_BITS: Final = 10
SMALLEST_SECRET_BYTES: Final = 16
_HEAD_WORDS: Final = 4
_CHECKSUM_WORDS: Final = 3
_SMALLEST_WORDS: Final = _HEAD_WORDS + 13 + _CHECKSUM_WORDS
LARGEST_WORDS: Final = 200
_GENERATOR: Final = (
    0x00E0E040,
    0x01C1C080,
    0x03838100,
    0x07070200,
    0x0E0E0009,
    0x1C0C2412,
    0x38086C24,
    0x3090FC48,
    0x21B1F890,
    0x03F3F120,
)


class Share(NamedTuple):
    """One share of a secret."""

    cipher: CipherSetting
    group_index: int
    group_threshold: int
    group_count: int
    member_index: int
    member_threshold: int
    value: bytes

    @property
    def common(self) -> tuple[CipherSetting, int, int, int]:
        """What all shares of one secret have in common."""
        return self.cipher, self.group_threshold, self.group_count, len(self.value)


def encode_share(share: Share) -> str:
    """Write a share as words with single spaces: 33 of them for a secret of 32 bytes."""
    cipher = share.cipher
    head = cipher.identifier << 5 | cipher.is_extendable << 4 | cipher.iteration_exponent
    for nibble in (
        share.group_index,
        share.group_threshold - 1,
        share.group_count - 1,
        share.member_index,
        share.member_threshold - 1,
    ):
        head = head << 4 | nibble
    value_words = -(-8 * len(share.value) // WORD_BITS)
    numbers = _numbers_of(head, _HEAD_WORDS) + _numbers_of(int.from_bytes(share.value), value_words)
    checksum = _checksum([*numbers, *[0] * _CHECKSUM_WORDS], is_extendable=cipher.is_extendable) ^ 1
    return " ".join(_words()[number] for number in numbers + _numbers_of(checksum, _CHECKSUM_WORDS))


def decode_share(mnemonic: str) -> Share:
    """Read a share, in any case and with any white space. ShareError says what is wrong, without a word of it."""
    words = mnemonic.casefold().split()
    if not _SMALLEST_WORDS <= len(words) <= LARGEST_WORDS:
        raise ShareError(f"a share has {_SMALLEST_WORDS} words or more, and this has {len(words)}")
    unknown = [position for position, word in enumerate(words, start=1) if word not in _numbers()]
    if unknown:
        raise ShareError(f"word {unknown[0]} of the share is not in SLIP-0039's list of words")
    numbers = [_numbers()[word] for word in words]
    head = _integer_of(numbers[:_HEAD_WORDS])
    is_extendable = bool(head >> 24 & 1)
    if _checksum(numbers, is_extendable=is_extendable) != 1:
        raise ShareError("the share's checksum is wrong: one of its words is another, or they are in another order")
    share = Share(
        CipherSetting(head >> 25, is_extendable, head >> 20 & 15),
        group_index=head >> 16 & 15,
        group_threshold=(head >> 12 & 15) + 1,
        group_count=(head >> 8 & 15) + 1,
        member_index=head >> 4 & 15,
        member_threshold=(head & 15) + 1,
        value=_read_value(numbers[_HEAD_WORDS:-_CHECKSUM_WORDS]),
    )
    if share.group_threshold > share.group_count:
        raise ShareError(f"the share asks for {share.group_threshold} groups of {share.group_count}")
    return share


def _read_value(numbers: list[int]) -> bytes:
    bits = WORD_BITS * len(numbers)
    padding = bits % 16
    value = _integer_of(numbers)
    if padding > 8 or value >> (bits - padding):
        raise ShareError(f"a share of {len(numbers)} words of value does not end on whole bytes")
    return value.to_bytes((bits - padding) // 8)


def _checksum(numbers: list[int], *, is_extendable: bool) -> int:
    """Return the RS1024 checksum (SLIP-0039, Checksum); 1 if the numbers end with the right one."""
    checksum = 1
    for value in (*(b"shamir_extendable" if is_extendable else b"shamir"), *numbers):
        top = checksum >> 20
        checksum = (checksum & 0xFFFFF) << 10 ^ value
        for bit, generator in enumerate(_GENERATOR):
            if top >> bit & 1:
                checksum ^= generator
    return checksum


def _numbers_of(integer: int, count: int) -> list[int]:
    return [integer >> WORD_BITS * position & 1023 for position in reversed(range(count))]


def _integer_of(numbers: list[int]) -> int:
    integer = 0
    for number in numbers:
        integer = integer << WORD_BITS | number
    return integer


@cache
def _words() -> tuple[str, ...]:
    return tuple((files("hyok.custody.slip39") / "wordlist.txt").read_text("ascii").split())


@cache
def _numbers() -> dict[str, int]:
    return {word: number for number, word in enumerate(_words())}
