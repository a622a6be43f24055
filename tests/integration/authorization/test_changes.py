"""Policies set and removed by command, while two workers serve: each takes the change within a second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.spec.running import RunningProxy, running_proxy
from tests.integration.spec.wire import encrypt_content, eventually
from tests.unit.proxy.authorization.written import document
from tests.unit.proxy.stage import metadata

LOOKS = 6
"""New connections that must all see a change: each leads to one worker or the other."""
WITHIN_SECONDS = 1.0
BOB = "arn:aws:iam::123456789012:user/Bob"


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with running_proxy(tmp_path_factory.mktemp("policies") / "holder") as running:
        yield running


def outcomes(proxy: RunningProxy, principal: str) -> set[str]:
    found = set()
    for _ in range(LOOKS):
        with proxy.connect() as client:
            asked = encrypt_content(requestMetadata=metadata(awsPrincipalArn=principal))
            answer = client.ask(f"/keys/{proxy.key_id}/encrypt", asked)
        found.add("done" if answer.status == 200 else answer.content["errorName"])
    return found


def takes(proxy: RunningProxy, principal: str, outcome: str) -> bool:
    return eventually(lambda: outcomes(proxy, principal) == {outcome}) < WITHIN_SECONDS


def test_a_policy_takes_effect_within_a_second_on_every_worker(proxy: RunningProxy, tmp_path: Path) -> None:
    file = tmp_path / "bob.json"
    file.write_text(document({"Sid": "Bob", "Principal": {"AWS": BOB}}))
    eve = BOB.replace("Bob", "Eve")
    assert outcomes(proxy, eve) == {"done"}
    proxy.hyok("policy", "set", str(file), "--keystore", "main", "--shadow")
    assert eventually(lambda: "shadow_decision" in tried(proxy, eve)) < WITHIN_SECONDS + 1
    proxy.hyok("policy", "set", str(file), "--keystore", "main", "--yes")
    assert takes(proxy, eve, "AccessDeniedException")
    assert takes(proxy, BOB, "done")
    record = proxy.records()[-1]
    assert (record["decision"], record["policy"], record["statement"]) == ("allowed", "keystore/default", "Bob")
    file.write_text(document({"Sid": "Nobody", "Effect": "Deny"}))
    proxy.hyok("policy", "set", str(file), "--keystore", "main", "--key", proxy.key_id, "--yes")
    assert takes(proxy, BOB, "AccessDeniedException")
    record = proxy.records()[-1]
    assert (record["decision"], record["policy"], record["statement"]) == ("denied", "key/default", "Nobody")
    proxy.hyok_says("policy", "remove", "--keystore", "main", "--key", proxy.key_id, "--yes")
    proxy.hyok_says("policy", "remove", "--keystore", "main", "--yes")
    assert takes(proxy, eve, "done")


def tried(proxy: RunningProxy, principal: str) -> dict[str, object]:
    assert outcomes(proxy, principal) == {"done"}
    return proxy.records()[-1]
