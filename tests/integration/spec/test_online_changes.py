"""Key stores are made, changed and deleted by command while requests flow.

Each running server takes the change within a second, and neither drops a connection nor fails a request for it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from hyok.administration.credentials import create_credential
from hyok.administration.keystores import create_key_store
from tests.e2e.processes import Credential
from tests.integration.spec.conftest import offer_key
from tests.integration.spec.load import Load, flowing
from tests.integration.spec.running import RunningProxy
from tests.integration.spec.wire import encrypt_content, eventually
from tests.sizes import size

ROUNDS = size(usual=1, nightly=10)
LOOKS = 6
"""New connections that must all see a change: each leads to one worker or the other."""
WITHIN_SECONDS = 1.0


@pytest.fixture
def load_on_main(proxy: RunningProxy) -> Iterator[Load]:
    with proxy.connect() as client:
        request = client.signed_bytes(f"/keys/{proxy.key_id}/encrypt", encrypt_content())
    with flowing(proxy.port, proxy.trust(), request) as load:
        yield load


class Other:
    """A second key store, as its user and its operator see it."""

    def __init__(self, proxy: RunningProxy, name: str) -> None:
        self.proxy = proxy
        self.name = name
        self.uri_path = f"/{name}/kms/xks/v1"
        self.credential = Credential("", "")

    def create(self) -> None:
        with self.proxy.holder() as holder:
            create_key_store(holder.storage, holder.clock, name=self.name, regions=("eu-west-1", "eu-central-1"))
            pair = create_credential(holder.storage, holder.safe, holder.clock, key_store=self.name)
            offer_key(holder, key_store=self.name, external_key_id="a-key", manager_key_id=f"key-of-{self.name}")
        self.credential = Credential(pair.access_key_id, pair.secret_access_key.reveal().decode())

    def update(self, *changes: str) -> None:
        self.proxy.hyok("keystore", "update", self.name, *changes, "--yes")

    def delete(self) -> None:
        self.proxy.hyok_says("keystore", "delete", self.name, "--with-keys", "--yes")

    def outcomes(self, uri_path: str, region: str = "eu-central-1") -> set[str]:
        """Return what comes of Encrypt on new connections."""
        found = set()
        for _ in range(LOOKS):
            with self.proxy.connect(credential=self.credential, uri_path=uri_path) as client:
                answer = client.ask("/keys/a-key/encrypt", encrypt_content(), region=region)
            found.add("done" if answer.status == 200 else answer.content["errorName"])
        return found

    def takes(self, outcome: str, *, region: str = "eu-central-1", uri_path: str | None = None) -> bool:
        """Tell whether this outcome is everywhere within a second."""
        path = uri_path or self.uri_path
        since = time.monotonic()
        seconds = eventually(lambda: self.outcomes(path, region) == {outcome})
        # All looks may have met one worker. The others have a second, too, before they are held to it.
        time.sleep(max(0.0, since + WITHIN_SECONDS - time.monotonic()))
        return seconds < WITHIN_SECONDS


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_key_store_comes_changes_and_goes_while_requests_flow(
    proxy: RunningProxy, load_on_main: Load, number: int
) -> None:
    other = Other(proxy, f"other-{number}")
    assert other.outcomes(other.uri_path) == {"InvalidUriPathException"}
    other.create()
    assert other.takes("done")
    with proxy.connect(credential=other.credential, uri_path=other.uri_path) as client:
        request = client.signed_bytes("/keys/a-key/encrypt", encrypt_content())
    with flowing(proxy.port, proxy.trust(), request, connections=1) as load_on_other:
        other.update("--region", "eu-central-1", "--region", "us-east-1", "--quota", "100000")
        assert other.takes("AuthenticationFailedException", region="eu-west-1")
        assert other.takes("done", region="us-east-1")
    old = other.uri_path
    other.update("--path-prefix", f"/moved-{number}")
    other.uri_path = f"/moved-{number}/kms/xks/v1"
    assert other.takes("done")
    assert other.takes("InvalidUriPathException", uri_path=old)
    other.delete()
    assert other.takes("InvalidUriPathException")

    for load in (load_on_main, load_on_other):
        assert load.failures == []
        assert load.answered > 200
