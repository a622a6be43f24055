"""Invariant: any bytes are exactly the file that their operator's key would be written as, or one OperatorError."""

from __future__ import annotations

import base64

from hyok.custody.operator_keys import read_operator_key, write_operator_key
from hyok.errors import OperatorError
from hyok.secret import Secret

KEY = Secret(bytes(range(32)))
SEEDS = (
    write_operator_key("alice", KEY, None),
    b"hyok-operator-1-scrypt alice " + base64.b64encode(bytes(77)) + b"\n",
)


def refuse(name: str) -> Secret:
    """Spend no second on scrypt."""
    raise OperatorError(name)


def fuzz_one(data: bytes) -> None:
    """Read, and write again what was accepted."""
    try:
        operator = read_operator_key(data, location="fuzzed", ask_passphrase=refuse)
    except OperatorError:
        return
    private_key = Secret(base64.b64decode(data.split()[2]))
    assert write_operator_key(operator.name, private_key, None) == data.removesuffix(b"\n") + b"\n"
