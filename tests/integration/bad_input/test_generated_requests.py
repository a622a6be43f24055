"""Thousands of wrong requests over real sockets: each gets an answer of the right kind and does no harm."""

from __future__ import annotations

import json
import random
import re
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.e2e.processes import Deployment, await_connected, deployment
from tests.integration.bad_input.client import Answer, DroppedConnectionError, RawClient
from tests.integration.bad_input.generators import KmsRequests, Request, XksRequests
from tests.sizes import size

REQUESTS = size(usual=5_000, nightly=100_000)
REFUSALS_THAT_CLOSE = {400, 408, 413, 431, 501}
"""The transport's documented limits: an ambiguous or oversized message is answered, then the connection ends."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployment(tmp_path_factory.mktemp("bad-input")) as deployed:
        yield deployed


def bombard(client: RawClient, requests: Iterator[Request], count: int) -> Counter[int]:
    """Send the requests one by one and return how often each status came."""
    statuses: Counter[int] = Counter()
    for request in islice(requests, count):
        if b"transfer-encoding" in request.raw.lower() or b"expect:" in request.raw.lower():
            client.close()  # what follows may belong to this request's body: it gets a connection of its own
        if announces_more_than_it_has(request.raw):
            client.abandon(request.raw)  # its answer would be a refusal for slowness, seconds from now
            continue
        try:
            answer = client.exchange(request.raw, is_head=request.is_head)
        except (DroppedConnectionError, TimeoutError) as error:
            raise AssertionError(f"no answer to {request.raw[:3000]!r}") from error
        check(answer, request)
        statuses[answer.status] += 1
        if request.is_head or not is_whole(request.raw):
            client.close()
    return statuses


def announces_more_than_it_has(raw: bytes) -> bool:
    """Tell whether the server is right to wait for more of the body."""
    head, _, body = raw.partition(b"\r\n\r\n")
    announced = re.search(rb"content-length: *([0-9]+)", head.lower())
    return announced is not None and int(announced[1]) > len(body)


def is_whole(raw: bytes) -> bool:
    """Tell whether a request's length is what its head says, so that the connection goes on with the next one."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return lengths == [b"content-length: %d" % len(body)]


def check(answer: Answer, request: Request) -> None:
    shown = f"{answer.status} {answer.body[:300]!r} to {request.raw[:3000]!r}"
    assert answer.status < 500 or answer.status == 501, shown
    if answer.closes and b"connection: close" not in request.raw.lower():
        assert answer.status in REFUSALS_THAT_CLOSE, shown
    if answer.status >= 400 and answer.body:
        error = json.loads(answer.body)
        assert "errorName" in error or "__type" in error, shown


def test_the_proxy_answers_every_wrong_request(running: Deployment) -> None:
    tls = ssl.create_default_context(cafile=str(running.kms / "xks-ca.pem"))
    client = RawClient(running.proxy_port, tls=tls, server_name="xks.hyok.test")
    requests = XksRequests(
        access_key_id=running.credential.access_key_id,
        secret=running.credential.secret_access_key,
        uri_path=running.uri_path,
        key_id=running.external_key_id,
        host="xks.hyok.test",
        now=time.time,
    ).generate(random.Random("xks"))
    statuses = bombard(client, requests, REQUESTS)
    client.close()
    # It got far: past authentication into every operation, and out again with every kind of refusal.
    assert statuses[200] > REQUESTS / 50
    assert {400, 401, 404, 405} <= set(statuses)
    assert_unharmed(running.kms.parent / "proxy.log")


def test_kms_answers_every_wrong_request(running: Deployment) -> None:
    kms = running.client()
    store_id = kms.create_custom_key_store(**running.store_parameters("bad input"))["CustomKeyStoreId"]
    await_connected(kms, store_id)
    key_id = kms.create_key(Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=store_id, XksKeyId=running.external_key_id)[
        "KeyMetadata"
    ]["KeyId"]
    port = int(running.endpoint.rpartition(":")[2])
    client = RawClient(port, tls=None, server_name="localhost")
    requests = KmsRequests(host=f"localhost:{port}", key_id=key_id).generate(random.Random("kms"))
    statuses = bombard(client, requests, REQUESTS)
    client.close()
    assert statuses[200] > REQUESTS / 50
    assert statuses[400] > REQUESTS / 4
    assert_unharmed(running.kms.parent / "kms.log")


def assert_unharmed(log: Path) -> None:
    text = log.read_text()
    assert "Traceback" not in text, text
    assert "failed inside" not in text, text
