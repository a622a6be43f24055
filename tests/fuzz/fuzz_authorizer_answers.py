"""Invariant: any bytes are a decision of an authorizer or no answer, and only an explicit yes allows."""

from __future__ import annotations

import json

from hyok.proxy.authorization.authorizer import AuthorizerError
from hyok.proxy.authorization.http_authorizer import read_answer

SEEDS = (
    b'{"result": true}',
    b'{"result": {"allow": true, "reason": "rule 7"}}',
    b'{"result": {"allow": false}, "decision_id": "1"}',
    b"{}",
)


def fuzz_one(data: bytes) -> None:
    """Read the data as an answer."""
    try:
        answer = read_answer(data)
    except AuthorizerError:
        return
    assert len(answer.reason) <= 256
    if answer.is_allowed:
        result = json.loads(data.decode(errors="replace"))["result"]
        assert (result if isinstance(result, bool) else result["allow"]) is True
