from __future__ import annotations

import pytest

from hyok.custody.operator_keys import new_operator, parse_operator, read_operator_key, write_operator_key
from hyok.errors import OperatorError
from hyok.secret import Secret

PASSPHRASE = Secret(b"correct horse")


def nobody_asks(name: str) -> Secret:
    raise AssertionError(name)


def test_a_key_is_read_as_it_was_written() -> None:
    operator, private_key = new_operator("alice")
    content = write_operator_key("alice", private_key, None)
    read = read_operator_key(content, location="file", ask_passphrase=nobody_asks)
    assert (read.name, read.signer.key) == ("alice", operator.signer.key)


def test_a_key_with_a_passphrase_opens_with_that_one_only() -> None:
    operator, private_key = new_operator("alice")
    content = write_operator_key("alice", private_key, PASSPHRASE)
    read = read_operator_key(content, location="file", ask_passphrase=lambda _: PASSPHRASE)
    assert read.signer.key == operator.signer.key
    with pytest.raises(OperatorError, match="the passphrase is another one"):
        read_operator_key(content, location="file", ask_passphrase=lambda _: Secret(b"wrong"))
    with pytest.raises(OperatorError, match="the passphrase is another one"):
        read_operator_key(content.replace(b"alice", b"mallo"), location="f", ask_passphrase=lambda _: PASSPHRASE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"hyok-operator-1 alice",
        b"hyok-operator-1 alice AAAA\n",
        b"hyok-operator-2 alice AAAA\n",
        b"a b c d",
    ],
)
def test_what_is_no_key_is_refused_without_showing_it(content: bytes) -> None:
    with pytest.raises(OperatorError, match=rf"file \({len(content)} bytes\) is not an operator's key"):
        read_operator_key(content, location="file", ask_passphrase=nobody_asks)


@pytest.mark.parametrize("name", ["", "Alice", "a b", "a+b", "1a", "a" * 64])
def test_a_name_that_would_not_do_in_a_signature_is_refused(name: str) -> None:
    with pytest.raises(OperatorError, match="cannot name an operator"):
        new_operator(name)


def test_an_operator_is_read_from_the_configuration() -> None:
    operator, _ = new_operator("alice")
    assert parse_operator(f"alice+{operator.signer.key}") == ("alice", operator.signer.key)
    with pytest.raises(OperatorError, match="the key of operator 'alice' cannot be read"):
        parse_operator("alice+AAAA")
