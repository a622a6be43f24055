"""`hyok proxy serve` with two workers: what the configuration and commands of authorization do to real requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from hyok.administration.acknowledgements import await_servers
from hyok.storage.changes import current_position
from tests.integration.authorization.double import Double, authorizer_double
from tests.integration.spec.running import RunningProxy, running_proxy
from tests.integration.spec.wire import decrypt_content, encrypt_content, eventually
from tests.sizes import size
from tests.unit.proxy.stage import metadata

RACERS = 8
ROUNDS = size(usual=3, nightly=30)
BOB = "arn:aws:iam::111122223333:user/Bob"


class Served(NamedTuple):
    """A proxy, and the authorizer that it asks."""

    proxy: RunningProxy
    authorizer: Double
    refused: set[str]
    """The principals whom the authorizer refuses."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    refused: set[str] = set()

    def decide(asked: dict[str, Any]) -> tuple[int, bytes]:
        return 200, b'{"result": false}' if asked["principal"] in refused else b'{"result": {"allow": true}}'

    with authorizer_double(decide) as double:
        settings = {
            "HYOK__AUTHORIZATION__AUTHORIZER__URL": double.url,
            "HYOK__AUTHORIZATION__DECRYPTS__NEW_CALLER": "flag",
        }
        with running_proxy(tmp_path_factory.mktemp("served") / "holder", settings) as proxy:
            yield Served(proxy, double, refused)


def encrypt(served: Served, **told: str) -> Any:
    with served.proxy.connect() as client:
        asked = encrypt_content(requestMetadata=metadata(**told))
        return client.ask_in_time(f"/keys/{served.proxy.key_id}/encrypt", asked)


def test_the_configured_authorizer_is_asked_by_every_worker(served: Served) -> None:
    assert {encrypt(served).status for _ in range(6)} == {200}
    assert len(served.authorizer.asked) >= 6
    served.refused.add(BOB)
    assert {encrypt(served, awsPrincipalArn=BOB).content["errorName"] for _ in range(6)} == {"AccessDeniedException"}
    assert served.proxy.records()[-1]["policy"] == "authorizer"


def test_a_new_caller_is_flagged_and_kept_in_the_storage(served: Served) -> None:
    encrypted = encrypt(served).content
    told = metadata(kmsOperation="Decrypt", awsPrincipalArn="arn:aws:iam::444455556666:role/new")
    with served.proxy.connect() as client:
        asked = decrypt_content(encrypted, requestMetadata=told)
        for _ in range(2):
            assert client.ask_in_time(f"/keys/{served.proxy.key_id}/decrypt", asked).status == 200
    first, *later = [each for each in served.proxy.records() if each.get("request_metadata", {}) == told]
    assert first["flags"] == ["new-decrypt-caller"]
    assert later
    assert not any("flags" in each for each in later)
    known = {"key_store": "main", "external_key_id": served.proxy.key_id, "caller": "444455556666"}
    eventually(lambda: known in served.proxy.hyok("policy", "callers")["callers"], seconds=20)


def test_of_workers_that_race_for_the_first_use_one_kms_key_wins(served: Served) -> None:
    proxy = served.proxy
    for _ in range(ROUNDS):
        proxy.hyok_says("key", "bind", proxy.key_id, "--keystore", "main", "--yes")
        await_every_worker(proxy)
        (winner,) = race(served)
        assert race(served) == {winner}
        (offered,) = proxy.hyok("key", "show", proxy.key_id)["key"]["external_keys"]
        assert offered["bound_to"] == winner
    proxy.hyok_says("key", "unbind", proxy.key_id, "--keystore", "main", "--yes")
    await_every_worker(proxy)
    assert len(race(served)) == RACERS


def await_every_worker(proxy: RunningProxy) -> None:
    """Return when no worker goes by what was true before now."""
    with proxy.holder() as holder:
        with holder.storage.reading() as connection:
            position = current_position(connection)
        await_servers(holder.storage, position, changed_at=time.monotonic())


def race(served: Served) -> set[str]:
    """Use the key through several KMS keys at once; returns those that were served."""
    start = threading.Barrier(RACERS)

    def use(number: int) -> str:
        arn = f"arn:aws:kms:eu-central-1:123456789012:key/{number}"
        with served.proxy.connect() as client:
            start.wait(10)
            asked = encrypt_content(requestMetadata=metadata(kmsKeyArn=arn))
            # The one that binds may be late itself: it is served when it asks again, and no other ever is.
            answer = client.ask_in_time(f"/keys/{served.proxy.key_id}/encrypt", asked)
        assert answer.status in (200, 403), answer.content
        return arn if answer.status == 200 else ""

    with ThreadPoolExecutor(RACERS) as pool:
        return set(pool.map(use, range(RACERS))) - {""}
