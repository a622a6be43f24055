from __future__ import annotations

import hashlib
import itertools
import json
import random
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from hyok.custody.slip39.errors import ShareError
from hyok.custody.slip39.share import Share, decode_share, encode_share
from hyok.custody.slip39.sharing import Group, ShareCollection, make_shares
from hyok.secret import Secret

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "slip-0039.json").read_text("utf-8"))
SECRET = Secret(bytes(range(32)))


def collect(mnemonics: Sequence[str]) -> ShareCollection:
    collection = ShareCollection()
    for mnemonic in mnemonics:
        collection.add(decode_share(mnemonic))
    return collection


def join(shares: Sequence[Share], passphrase: bytes = b"") -> Secret:
    return collect([encode_share(share) for share in shares]).secret(passphrase)


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda vector: str(vector["what"]))
def test_the_standards_shares_give_their_secret(vector: dict[str, Any]) -> None:
    assert collect(vector["shares"]).secret(b"TREZOR") == Secret(bytes.fromhex(vector["secret"]))
    assert [encode_share(decode_share(mnemonic)) for mnemonic in vector["shares"]] == vector["shares"]


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda vector: str(vector["what"]))
def test_the_standards_wrong_shares_are_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(ShareError, match=vector["reason"]) as refused:
        collect(vector["shares"]).secret(b"TREZOR")
    assert not {word for share in vector["shares"] for word in share.split()} & set(str(refused.value).split())


def test_the_words_are_the_standards() -> None:
    content = (files("hyok.custody.slip39") / "wordlist.txt").read_bytes()
    assert hashlib.sha256(content).hexdigest() == "bcc4555340332d169718aed8bf31dd9d5248cb7da6e5d355140ef4f1e601eec3"
    words = content.decode().split()
    assert words == sorted(words)
    assert len({word[:4] for word in words}) == 1024


@pytest.mark.parametrize(("threshold", "count"), [(1, 1), (2, 2), (2, 3), (3, 5), (5, 5), (9, 16), (16, 16)])
def test_any_threshold_of_the_shares_gives_the_secret_back(threshold: int, count: int) -> None:
    (shares,) = make_shares(SECRET, [Group(threshold, count)])
    assert all(len(encode_share(share).split()) == 33 for share in shares)
    choices = list(itertools.combinations(shares, threshold))
    for chosen in random.Random(39).sample(choices, min(5, len(choices))):
        assert join(chosen) == SECRET
        assert join(chosen[::-1]) == SECRET
    if threshold > 1:
        with pytest.raises(ShareError, match=f"not enough shares: {threshold - 1} of {threshold} in group 1"):
            join(shares[: threshold - 1])


def test_groups_have_thresholds_of_their_own() -> None:
    officers, auditors, vault = make_shares(SECRET, [Group(2, 3), Group(3, 5), Group(1, 1)], group_threshold=2)
    assert join([*officers[1:], *vault]) == SECRET
    assert join([*auditors[2:], *officers[:2]]) == SECRET
    assert join([auditors[0], *vault, officers[0], officers[2]]) == SECRET  # more than needed
    with pytest.raises(ShareError, match="2 of 3 in group 2; 1 of 1 in group 3; 2 of 3 groups are needed"):
        join([*auditors[:2], *vault])


def test_fewer_shares_than_needed_fit_any_secret() -> None:
    # Two of three points on a random parabola: each byte of a third at the secret's place is as likely as another.
    seen = {make_shares(SECRET, [Group(3, 3)])[0][0].value for _ in range(20)}
    assert len(seen) == 20


def test_a_passphrase_gives_another_secret_and_no_error() -> None:
    (shares,) = make_shares(SECRET, [Group(2, 2)], passphrase=b"word")
    assert join(shares, b"word") == SECRET
    assert join(shares, b"other") != SECRET


def test_shares_of_two_secrets_are_told_apart() -> None:
    (first,), (second,) = make_shares(SECRET, [Group(2, 2)]), make_shares(Secret(bytes(32)), [Group(2, 2)])
    with pytest.raises(ShareError, match="of another secret than those before"):
        join([first[0], second[1]])


def test_case_and_white_space_do_not_matter() -> None:
    mnemonic = VECTORS["valid"][0]["shares"][0]
    assert decode_share(f"\n {mnemonic.upper().replace(' ', chr(9) + ' ')} \n") == decode_share(mnemonic)


@pytest.mark.parametrize("position", [0, 3, 20, 32])
def test_a_mistyped_word_is_noticed_and_not_repeated(position: int) -> None:
    words = encode_share(make_shares(SECRET, [Group(1, 1)])[0][0]).split()
    wrong = list(words)
    wrong[position] = "academic" if words[position] != "academic" else "acid"
    with pytest.raises(ShareError, match="checksum is wrong"):
        decode_share(" ".join(wrong))
    wrong[position] = "hunter2"
    with pytest.raises(ShareError, match=f"word {position + 1} of the share is not in SLIP-0039's list") as refused:
        decode_share(" ".join(wrong))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("groups", "group_threshold"),
    [([], 1), ([Group(0, 1)], 1), ([Group(2, 1)], 1), ([Group(1, 2)], 1), ([Group(2, 17)], 1), ([Group(1, 1)], 2)],
)
def test_numbers_that_do_not_go_together_are_refused(groups: list[Group], group_threshold: int) -> None:
    with pytest.raises(ShareError):
        make_shares(SECRET, groups, group_threshold=group_threshold)


@pytest.mark.parametrize("length", [0, 14, 17])
def test_a_secret_that_cannot_be_shared_is_refused(length: int) -> None:
    with pytest.raises(ShareError, match=f"a secret of {length} bytes cannot be shared"):
        make_shares(Secret(bytes(length)), [Group(1, 1)])
