"""Two key stores of one proxy, over the wire: what belongs to one is of no use at the other, in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from hyok.administration.credentials import create_credential
from hyok.administration.keystores import create_key_store
from tests.e2e.processes import Credential
from tests.integration.spec.conftest import offer_key
from tests.integration.spec.running import RunningProxy
from tests.integration.spec.wire import Answer, WireClient, eventually

DIRECTIONS = pytest.mark.parametrize(("own", "other"), [("a", "b"), ("b", "a")])


class Store(NamedTuple):
    uri_path: str
    credential: Credential


@pytest.fixture(scope="module")
def stores(proxy: RunningProxy) -> dict[str, Store]:
    """Key stores at nested prefixes, each with a key of its own and one of the same id, which is another key."""
    made = {}
    for name, prefix in {"a": "/a", "b": "/a/b"}.items():
        with proxy.holder() as holder:
            create_key_store(holder.storage, holder.clock, name=name, path_prefix=prefix)
            pair = create_credential(holder.storage, holder.safe, holder.clock, key_store=name)
            offer_key(holder, key_store=name, external_key_id=f"of-{name}", manager_key_id=f"manager-of-{name}")
            offer_key(holder, key_store=name, external_key_id="same-id", manager_key_id=f"manager-same-{name}")
        credential = Credential(pair.access_key_id, pair.secret_access_key.reveal().decode())
        made[name] = Store(f"{prefix}/kms/xks/v1", credential)

    def serves(name: str) -> bool:
        with proxy.connect(credential=made[name].credential, uri_path=made[name].uri_path) as client:
            return client.describe("same-id").status == client.describe(f"of-{name}").status == 200

    eventually(lambda: all(serves(name) for name in made for _ in range(6)))
    return made


@pytest.fixture
def clients(proxy: RunningProxy, stores: dict[str, Store]) -> Iterator[dict[str, WireClient]]:
    with ExitStack() as opened:
        yield {
            name: opened.enter_context(proxy.connect(credential=store.credential, uri_path=store.uri_path))
            for name, store in stores.items()
        }


def error_of(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.content["errorName"]


@DIRECTIONS
def test_a_credential_is_none_at_another_prefix(clients: dict[str, WireClient], own: str, other: str) -> None:
    client = clients[own]
    client.uri_path = clients[other].uri_path
    for answer in (
        client.check_health(),
        client.describe("same-id"),
        client.encrypt("same-id"),
        client.encrypt(f"of-{own}"),
        client.encrypt(f"of-{other}"),
    ):
        assert error_of(answer) == (401, "AuthenticationFailedException")


@DIRECTIONS
def test_a_key_is_not_found_through_another_key_store(clients: dict[str, WireClient], own: str, other: str) -> None:
    encrypted = clients[other].encrypt(f"of-{other}").content
    client = clients[own]
    assert client.encrypt(f"of-{own}").status == 200
    for key_id in (f"of-{other}", f"manager-of-{own}", f"manager-of-{other}"):
        for answer in (client.describe(key_id), client.encrypt(key_id), client.decrypt(key_id, encrypted)):
            assert error_of(answer) == (404, "KeyNotFoundException")


@DIRECTIONS
def test_keys_of_the_same_id_are_not_the_same_key(clients: dict[str, WireClient], own: str, other: str) -> None:
    encrypted = clients[own].encrypt("same-id").content
    assert clients[own].decrypt("same-id", encrypted).status == 200
    assert error_of(clients[other].decrypt("same-id", encrypted)) == (400, "InvalidCiphertextException")
