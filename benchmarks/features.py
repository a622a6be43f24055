"""What each feature costs: CPU per request of the proxy's pipeline, as in `proxy_cpu.py`, with one thing otherwise."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from benchmarks.proxy_cpu import CALLER, Variation, cheapest, proxy_requests
from hyok.custody.records import Record
from hyok.custody.rulings import Freeze, Scope, ScopeKind
from hyok.policy.dialects import PROXY_POLICY
from hyok.policy.parsing import parse_policy
from hyok.proxy.authorization.key_store_policies import KeyStorePolicies
from hyok.proxy.authorization.policy_set import compile_set
from hyok.proxy.freezes import Frozen
from hyok.quota import Quota

USUAL = "as it is set up"
POLICIES, STATEMENTS = 20, 10


def measure(*, rounds: int) -> dict[str, float]:
    """Return the CPU microseconds per request by what is otherwise, of the best round of each."""
    variations = {
        USUAL: Variation(),
        "no integrity value asked for": Variation(asks_integrity_value=False),
        "the key store has a quota": Variation(quota=Quota(1e9)),
        f"{POLICIES} policies of {STATEMENTS} statements, decided from memory": Variation(policies=_policies()),
        "another principal is frozen": Variation(frozen=_frozen()),
    }
    with tempfile.TemporaryDirectory(prefix="hyok-bench-") as name:
        contenders = {}
        for number, (feature, variation) in enumerate(variations.items()):
            directory = Path(name) / str(number)
            directory.mkdir()
            contenders[feature] = proxy_requests(directory, variation)
        return cheapest(contenders, rounds=rounds)


def _policies() -> KeyStorePolicies:
    """The caller is allowed by one statement of each policy; the others are about roles of a team."""
    documents = {
        f"team-{team}": [
            {"Sid": f"Role{number}", "Effect": "Allow", "Principal": {"AWS": principal}, "Action": "kms:*"}
            for number, principal in enumerate(
                [CALLER, *(f"arn:aws:iam::{10**11 + team}:role/App-{one}-*" for one in range(STATEMENTS - 1))]
            )
        ]
        for team in range(POLICIES)
    }
    parsed = {
        name: parse_policy(json.dumps({"Version": "2012-10-17", "Statement": statements}), PROXY_POLICY)
        for name, statements in documents.items()
    }
    return KeyStorePolicies("benchmark", of_store=compile_set(parsed, {}))


def _frozen() -> Frozen:
    principal = "arn:aws:iam::123456789012:user/Mallory"
    record = Record(1, "2026-01-01T00:00:00+00:00", "ruling", principal, "freeze", "storage", "root", "host")
    return Frozen([Freeze(Scope(ScopeKind.PRINCIPAL, principal), record, b"")])
