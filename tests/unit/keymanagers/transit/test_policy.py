from __future__ import annotations

from pathlib import Path

import pytest

from hyok.keymanagers.transit.policy import administration_policy, least_privilege_policy


def test_the_least_policy_names_each_key_and_grants_no_creation() -> None:
    assert least_privilege_policy("teams/transit", ["b", "a", "b"]) == (
        'path "teams/transit/keys/a" { capabilities = ["read"] }\n'
        'path "teams/transit/encrypt/a" { capabilities = ["update"] }\n'
        'path "teams/transit/decrypt/a" { capabilities = ["update"] }\n'
        'path "teams/transit/keys/b" { capabilities = ["read"] }\n'
        'path "teams/transit/encrypt/b" { capabilities = ["update"] }\n'
        'path "teams/transit/decrypt/b" { capabilities = ["update"] }\n'
        'path "auth/token/lookup-self" { capabilities = ["read"] }\n'
        'path "auth/token/renew-self" { capabilities = ["update"] }\n'
    )


def test_the_documents_policies_are_these() -> None:
    document = (Path(__file__).parents[4] / "docs" / "key-managers" / "transit.md").read_text("utf-8")
    assert f"```hcl\n{least_privilege_policy('transit', ['payments'])}```" in document
    assert f"```hcl\n{administration_policy('transit')}```" in document


@pytest.mark.parametrize("name", ['a" { capabilities = ["sudo"] } path "x', "*", "+", "a/b", ""])
def test_a_name_that_would_widen_the_policy_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a Transit key"):
        least_privilege_policy("transit", [name])


def test_the_administrators_policy_cannot_use_keys() -> None:
    policy = administration_policy("transit")
    assert "encrypt" not in policy
    assert "decrypt" not in policy
    assert "export" not in policy
