"""A key manager is lost while requests flow, and comes back: the right errors meanwhile, all right within 5 seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.integration.outages.conftest import COPIED, Outages
from tests.integration.outages.round_trips import KEPT, RIGHT, round_trips
from tests.integration.spec.wire import eventually
from tests.sizes import size
from tests.unit.proxy.stage import from_base64, to_base64

RECOVERY_SECONDS = 5.0
LIMIT_SECONDS = 2 * 0.25
"""Two requests, each with the time that AWS KMS gives it."""
ROUNDS = size(usual=1, nightly=10)


class Outage(NamedTuple):
    """How a key manager is lost, and given back."""

    manager: str
    lose: Callable[[Outages], None]
    give_back: Callable[[Outages], None]


OUTAGES = (
    Outage("hsm", lambda it: it.hsm.take_away(), lambda it: it.hsm.bring_back()),
    Outage("bao", lambda it: it.transit.seal(), lambda it: it.transit.unseal()),
    Outage("kmip", lambda it: it.kmip.kill(), lambda it: it.kmip.start()),
)


@pytest.mark.parametrize("outage", OUTAGES, ids=lambda outage: outage.manager)
def test_a_lost_key_manager_is_an_internal_failure_until_it_is_back(outages: Outages, outage: Outage) -> None:
    with round_trips(outages.proxy, outage.manager) as load:
        for _ in range(ROUNDS):
            outage.lose(outages)
            load.during("going", 0.8)  # SoftHSM's keys are used from memory for half a second
            found = load.during("away", 0.7)
            outage.give_back(outages)
            seconds = load.seconds_to_recover(at_most=RECOVERY_SECONDS)
            assert seconds <= RECOVERY_SECONDS
            load.settle("back")
            assert "InternalException" in found
            # A call may wait for the thread, or the connection, that tries whether it is back.
            assert found <= {"InternalException", "DependencyTimeoutException"}
    allowed = {RIGHT, "InternalException", "DependencyTimeoutException"}
    assert (set(load.of("going")) | set(load.of("mending")) | set(load.of("between"))) <= allowed
    assert load.slowest_seconds < LIMIT_SECONDS + 0.5, "each answer came by its deadline"


def test_the_others_serve_on_while_one_is_lost(outages: Outages) -> None:
    with round_trips(outages.proxy, "kmip", threads=1) as kmip, round_trips(outages.proxy, "bao", threads=1) as bao:
        outages.hsm.take_away()
        assert kmip.during("hsm is away", 1.0) == {RIGHT}
        assert bao.of("before").keys() == {RIGHT}
        outages.hsm.bring_back()
    with outages.proxy.connect() as client:
        eventually(lambda: client.encrypt("hsm").status == 200)


def test_a_copy_stands_in_and_what_the_lost_one_sealed_waits_for_it(outages: Outages) -> None:
    with outages.proxy.connect() as client:
        kept = client.encrypt(COPIED, KEPT).content
        assert from_base64(kept["ciphertextMetadata"]) == b"\x01\x00\x00\x00\x01"
        outages.hsm.take_away()
        try:
            eventually(lambda: client.decrypt(COPIED, kept).status == 500)
            for number in range(20):
                plaintext = b"number %d, sealed by the copy" % number
                sealed = client.encrypt(COPIED, plaintext)
                assert sealed.status == 200, sealed
                assert from_base64(sealed.content["ciphertextMetadata"]) == b"\x02\x02\x00\x00\x00\x01"
                assert client.decrypt(COPIED, sealed.content).content == {"plaintext": to_base64(plaintext)}
                refused = client.decrypt(COPIED, kept)
                assert (refused.status, refused.content["errorName"]) == (500, "InternalException")
            assert client.describe(COPIED).content["keyStatus"] == "ENABLED"
        finally:
            outages.hsm.bring_back()
        eventually(lambda: client.decrypt(COPIED, kept).content == {"plaintext": to_base64(KEPT)})
        eventually(lambda: client.encrypt(COPIED).content["ciphertextMetadata"] == kept["ciphertextMetadata"])
        assert client.decrypt(COPIED, sealed.content).content == {"plaintext": to_base64(plaintext)}
    served = [record["key_manager"] for record in outages.proxy.records() if record["external_key_id"] == COPIED]
    assert {"hsm", "bao"} == set(served)
